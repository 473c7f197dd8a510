import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { approveRequest, denyElsewhere } from "../../api/consent";
import { useAct, useRequests } from "../../api/queries";
import type { Request } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { TextField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { useTitle } from "../../ui/useTitle";

/** OpenRequests tells on every page who waits to be let in, and in its title how many. */
export function OpenRequests() {
  const requests = useRequests().data?.filter((r) => new Date(r.expires_at).getTime() > Date.now()) ?? [];
  const n = requests.length;
  useTitle(n > 0 ? `${n} waiting` : "");
  return (
    <>
      <p role="status" className="sr-only">
        {n > 0 && `${n === 1 ? "An application waits" : `${n} applications wait`} to be let in`}
      </p>
      {n > 0 && <Waiting requests={requests} />}
    </>
  );
}

function Waiting({ requests }: { requests: Request[] }) {
  return (
    <Card title="Waiting to be let in">
      <ul className="flex flex-col gap-4">
        {requests.map((r) => (
          <li key={r.id}>{r.code ? <Here request={r} /> : <Elsewhere request={r} />}</li>
        ))}
      </ul>
    </Card>
  );
}

/** Here is a request that this browser began. */
function Here({ request }: { request: Request }) {
  return (
    <p>
      <bdi className="font-medium">{request.client_name}</bdi> asks to be let in.{" "}
      <Link to="/consent/$id" params={{ id: request.id }} className="text-accent underline">
        Decide
      </Link>
    </p>
  );
}

/** Elsewhere is one of another browser: whoever lets it in has to have seen its page. */
function Elsewhere({ request }: { request: Request }) {
  const [code, setCode] = useState("");
  const approve = useAct(() => approveRequest(request.id, { code }));
  const deny = useAct(() => denyElsewhere(request.id));
  const problem = approve.error ?? deny.error;
  const busy = approve.isPending || deny.isPending;
  return (
    <div className="flex flex-col gap-3">
      <p>
        <bdi className="font-medium">{request.client_name}</bdi> asks to be let in, in another browser. What it may see can be chosen there;
        with the code that its page shows it can be let in from here, to everything in the active Space.
      </p>
      <p className="text-sm text-muted">
        Since {new Date(request.created_at).toLocaleTimeString()}; the answer goes to{" "}
        <span className="break-all">{request.redirect_host}</span>
      </p>
      {problem && <Notice tone="bad">{problem.message}</Notice>}
      <div className="flex flex-wrap items-end gap-3">
        <TextField label={`The code that the page of ${request.client_name} shows`} value={code} onChange={setCode} maxLength={12} />
        <Button disabled={busy || code.trim() === ""} onClick={() => approve.mutate()}>
          Let it in
        </Button>
        <Button look="danger" disabled={busy} onClick={() => deny.mutate()}>
          Deny
        </Button>
      </div>
    </div>
  );
}
