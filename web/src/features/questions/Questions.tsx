import { post } from "../../api/client";
import { useAct, useElicitations, useStatus } from "../../api/queries";
import type { Question } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { Elicited } from "./Elicited";

/** Questions holds what waits for the user: clients that may move to another Space, and questions of servers. */
export function Questions() {
  const questions = useStatus().data?.questions ?? [];
  const elicitations = useElicitations().data ?? [];
  const n = questions.length + elicitations.length;
  return (
    <>
      <p role="status" className="sr-only">
        {n > 0 && (n === 1 ? "A question waits for you" : `${n} questions wait for you`)}
      </p>
      {n > 0 && (
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
      )}
    </>
  );
}

function Move({ question: q }: { question: Question }) {
  const accept = useAct(() => post(["clients", q.client, "switch"], { accept: true }));
  const decline = useAct(() => post(["clients", q.client, "switch"], { accept: false }));
  const error = accept.error ?? decline.error;
  return (
    <li className="flex flex-wrap items-center gap-3">
      <span className="mr-auto">
        Shall <bdi className="font-medium">{q.client}</bdi> move from {q.from || "a deleted Space"} to {q.to}?
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
