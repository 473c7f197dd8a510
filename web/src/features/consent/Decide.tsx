import { useEffect, useRef, useState } from "react";
import { approveRequest, denyRequest } from "../../api/consent";
import { useAct } from "../../api/queries";
import type { Decision, Request } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { Life } from "./Life";
import { Terms } from "./Terms";
import { useArmed } from "./useArmed";
import { Who } from "./Who";

/** Decide is a request with everything that the user should know of it, and what they may say. */
export function Decide({ request, code }: { request: Request; code: string }) {
  const known = request.known_client !== undefined;
  const [terms, setTerms] = useState<Decision | undefined>(known ? {} : undefined); // undefined: not all of it is shown yet
  const armed = useArmed();
  const approve = useAct(() => approveRequest(request.id, terms ?? {}));
  const deny = useAct(() => denyRequest(request.id));
  useAgain(request, approve.mutate);
  const busy = approve.isPending || deny.isPending;
  const problem = approve.error ?? deny.error;
  if (request.agreed && !problem) return <p className="text-muted">{request.client_name} is let in, as you agreed to before …</p>;
  return (
    <form className="flex flex-col gap-6" onSubmit={(e) => e.preventDefault() /* Enter in a field decides nothing */} aria-labelledby="who">
      <PageTitle id="who">
        Let <bdi>{request.client_name}</bdi> in?
      </PageTitle>
      {request.wider && (
        <Notice tone="warn">
          You know it as <bdi>{request.known_client}</bdi> already. What it asks for now needs your word again.
        </Notice>
      )}
      <Who request={request} code={code} />
      {known ? (
        <Card title="What it gets">
          <p>
            It is the client <bdi className="font-medium">{request.known_client}</bdi> already, and keeps what that may see.
          </p>
          <div className="mt-4 max-w-xs">
            <Life value={terms?.expires_in ?? ""} onChange={(v) => setTerms(v ? { expires_in: v } : {})} />
          </div>
        </Card>
      ) : (
        <Terms request={request} onChange={setTerms} />
      )}
      {problem && <Notice tone="bad">{problem.message}</Notice>}
      <div className="flex flex-wrap gap-3">
        <Button look="primary" disabled={!armed || busy || !terms} onClick={() => approve.mutate()}>
          Let it in
        </Button>
        <Button look="danger" disabled={busy} onClick={() => deny.mutate()}>
          Deny
        </Button>
      </div>
    </form>
  );
}

/** useAgain approves at once what the user has agreed to before. */
function useAgain(request: Request, approve: () => void) {
  const done = useRef(false);
  useEffect(() => {
    if (!request.agreed || done.current) return;
    done.current = true;
    approve();
  }, [request.agreed, approve]);
}
