import { post } from "../../api/client";
import { useAct, useElicitations, useStatus } from "../../api/queries";
import type { Elicitation, Question } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";

/** Questions holds what waits for the user: clients that may move to another Space, and questions of servers. */
export function Questions() {
  const questions = useStatus().data?.questions ?? [];
  const elicitations = useElicitations().data ?? [];
  if (questions.length + elicitations.length === 0) return null;
  return (
    <Card title="Questions">
      <ul className="flex flex-col gap-4">
        {questions.map((q) => (
          <Move key={q.client} question={q} />
        ))}
        {elicitations.map((e) => (
          <Elicited key={e.id} elicitation={e} />
        ))}
      </ul>
    </Card>
  );
}

function Move({ question: q }: { question: Question }) {
  const accept = useAct(() => post(["clients", q.client, "switch"], { accept: true }));
  const decline = useAct(() => post(["clients", q.client, "switch"], { accept: false }));
  const error = accept.error ?? decline.error;
  return (
    <li className="flex flex-wrap items-center gap-3">
      <span>
        Shall {q.client} move from {q.from || "a deleted Space"} to {q.to}?
      </span>
      <Button onClick={() => accept.mutate()} disabled={accept.isPending} aria-label={`Accept for ${q.client}`}>
        Accept
      </Button>
      <Button onClick={() => decline.mutate()} disabled={decline.isPending} aria-label={`Decline for ${q.client}`}>
        Decline
      </Button>
      {error && <Notice tone="bad">{error.message}</Notice>}
    </li>
  );
}

/** Elicited shows a question of a server. Whoever wants to fill in its form does so with the command line. */
function Elicited({ elicitation: e }: { elicitation: Elicitation }) {
  const decline = useAct(() => post(["elicitations", e.id], { action: "decline" }));
  const cancel = useAct(() => post(["elicitations", e.id], { action: "cancel" }));
  const error = decline.error ?? cancel.error;
  return (
    <li className="flex flex-wrap items-center gap-3">
      <span>
        {e.server} asks {e.client || "a client"}: {e.message}
      </span>
      <Button onClick={() => decline.mutate()} disabled={decline.isPending} aria-label={`Decline ${e.server}: ${e.message}`}>
        Decline
      </Button>
      <Button onClick={() => cancel.mutate()} disabled={cancel.isPending} aria-label={`Cancel ${e.server}: ${e.message}`}>
        Cancel
      </Button>
      <small className="text-muted">
        or in a terminal: <code>{`mcpmux elicitation answer ${e.id} accept '{…}'`}</code>
      </small>
      {error && <Notice tone="bad">{error.message}</Notice>}
    </li>
  );
}
