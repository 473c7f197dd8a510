import { CircleCheck, CircleX } from "lucide-react";
import { useStatus } from "../../api/queries";
import { useDoctor } from "../../api/settings";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { CopyButton } from "../../ui/CopyButton";
import { Notice } from "../../ui/Notice";
import { Time } from "../../ui/Time";

/** AboutCard says what runs, and what McpMux finds wrong with itself. */
export function AboutCard() {
  const { data: status } = useStatus();
  const doctor = useDoctor();
  return (
    <>
      <Card title="McpMux">
        {status && (
          <dl className="grid gap-x-6 gap-y-2 text-sm sm:grid-cols-[max-content_1fr]">
            <dt className="text-muted">Version</dt>
            <dd>{status.version}</dd>
            <dt className="text-muted">Runs</dt>
            <dd>
              since <Time at={status.started_at} />, as process {status.pid}
            </dd>
            <dt className="text-muted">Gateway</dt>
            <dd className="break-all">{status.mcp_url}</dd>
            <dt className="text-muted">Dashboard</dt>
            <dd className="break-all">{status.dashboard_url}</dd>
          </dl>
        )}
      </Card>
      <Card
        title="What McpMux finds"
        aside={
          <span className="ml-auto flex gap-3">
            <Button onClick={() => void doctor.refetch()} disabled={doctor.isFetching}>
              Look again
            </Button>
            <CopyButton text={JSON.stringify({ version: status?.version, ...doctor.data }, null, 2)} label="Copy what McpMux finds" />
          </span>
        }
      >
        {doctor.error && <Notice tone="bad">{doctor.error.message}</Notice>}
        <ul className="flex flex-col divide-y divide-line">
          {doctor.data?.checks.map((c) => (
            <li key={c.name} className="flex gap-3 py-2 text-sm">
              {c.ok ? (
                <CircleCheck aria-label="good" className="size-5 shrink-0 text-good" />
              ) : (
                <CircleX aria-label="wrong" className="size-5 shrink-0 text-bad" />
              )}
              <span className="min-w-0 break-words">
                <span className="font-medium">{c.name}</span> <span className="text-muted">{c.message}</span>
              </span>
            </li>
          ))}
        </ul>
      </Card>
    </>
  );
}
