import { useState } from "react";
import { post } from "../../api/client";
import { useAct } from "../../api/queries";
import type { ElicitAnswer, Elicitation } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { SchemaForm } from "../../ui/SchemaForm";
import { begin, make, type Schema } from "../../ui/schema";
import { Time } from "../../ui/Time";

/** Elicited is a question of a server for the user of a client that cannot ask: its form, and the ways to say no. */
export function Elicited({ elicitation: e }: { elicitation: Elicitation }) {
  const schema = (e.schema ?? { type: "object" }) as Schema;
  const [draft, setDraft] = useState(() => begin(schema, schema));
  const [tried, setTried] = useState(false);
  const answer = useAct((a: ElicitAnswer) => post(["elicitations", e.id], a));
  const { json, problems } = make(schema, draft, schema);
  const asks = Object.keys(schema.properties ?? {}).length > 0;
  return (
    <li>
      <form
        className="flex flex-col gap-3"
        aria-label={`Question of ${e.server}`}
        noValidate
        onSubmit={(ev) => {
          ev.preventDefault();
          setTried(true);
          if (Object.keys(problems).length === 0) answer.mutate({ action: "accept", content: JSON.parse(asks ? json : "{}") });
        }}
      >
        <p>
          <b className="font-medium">{e.server}</b> asks the user of <bdi className="font-medium">{e.client || "a client"}</bdi>
          {e.tool && (
            <>
              {" "}
              for <code>{e.tool}</code>
            </>
          )}{" "}
          <span className="text-sm text-muted">
            in {e.space}, <Time at={e.asked_at} />
          </span>
        </p>
        <p className="border-l-2 border-line pl-3 break-words whitespace-pre-wrap">{e.message}</p>
        <p className="text-xs text-muted">
          The server reads what you answer. Answer with nothing that it should not know, and no password.
        </p>
        {asks && <SchemaForm schema={schema} root={schema} draft={draft} onChange={setDraft} problems={tried ? problems : {}} />}
        {answer.error && <Notice tone="bad">{answer.error.message}</Notice>}
        <div className="flex flex-wrap gap-3">
          <Button type="submit" look="primary" disabled={answer.isPending}>
            Answer
          </Button>
          <Button disabled={answer.isPending} onClick={() => answer.mutate({ action: "decline" })} aria-label={`Decline ${e.server}`}>
            Decline
          </Button>
          <Button disabled={answer.isPending} onClick={() => answer.mutate({ action: "cancel" })} aria-label={`Cancel ${e.server}`}>
            Cancel
          </Button>
        </div>
      </form>
    </li>
  );
}
