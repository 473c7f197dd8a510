import { Link } from "@tanstack/react-router";
import { took, useRecentCalls } from "../../api/activity";
import { post } from "../../api/client";
import { useAct } from "../../api/queries";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { TryHere } from "./TryHere";

/** FirstCall shows calls as they arrive, and makes one where nobody else does. */
export function FirstCall({ running }: { running: boolean }) {
  const { data: calls, error } = useRecentCalls(5);
  const start = useAct(() => post(["gateway", "start"]));
  return (
    <>
      {!running && (
        <Notice tone="warn">
          <span className="flex flex-wrap items-center gap-3">
            The gateway is stopped, so no call arrives.
            <Button onClick={() => start.mutate()} disabled={start.isPending}>
              Start the gateway
            </Button>
          </span>
        </Notice>
      )}
      <p className="text-sm text-muted">
        Ask your application something that needs one of your servers. The call shows here as it arrives.
      </p>
      {error && <Notice tone="bad">{error.message}</Notice>}
      <section aria-label="Calls" aria-live="polite">
        {calls?.length === 0 && <p className="text-sm">Waiting for the first call …</p>}
        <ul className="flex flex-col divide-y divide-line">
          {calls?.map((c) => (
            <li key={c.id} className="flex flex-wrap items-center gap-3 py-2 text-sm">
              <span className="mr-auto font-medium break-all">{c.name || c.method}</span>
              <span className="text-xs text-muted">
                {c.client || "this dashboard"} · {took(c.duration)} · <Time at={c.at} />
              </span>
              <Badge tone={c.outcome === "ok" ? "good" : "warn"}>{c.outcome}</Badge>
            </li>
          ))}
        </ul>
      </section>
      <TryHere />
      {calls && calls.length > 0 && (
        <Link to="/activity" className="self-start text-sm text-accent underline">
          All activity
        </Link>
      )}
    </>
  );
}
