import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { millis, took, useActivitySummary } from "../../api/activity";
import { post } from "../../api/client";
import { useAct, useStatus } from "../../api/queries";
import type { Status } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { Notice } from "../../ui/Notice";
import { Spark } from "../../ui/Spark";
import { Time } from "../../ui/Time";

/** GatewayCard says whether the gateway runs and where, and starts and stops it. */
export function GatewayCard() {
  const { data: status, error } = useStatus();
  if (!status) return error ? <Notice tone="bad">{error.message}</Notice> : <p className="text-muted">Looking at the gateway …</p>;
  return (
    <section aria-labelledby="gateway" className="rounded-xl border border-line bg-surface">
      <Head status={status} />
      <dl className="grid grid-cols-2 border-t border-line max-sm:divide-y max-sm:divide-line sm:grid-cols-4 sm:divide-x sm:divide-line">
        <Tile to="/servers" name="Connected servers" value={String(status.connected_servers)}>
          of {status.servers}
          {status.idle_servers > 0 && `, ${status.idle_servers} idle`}
        </Tile>
        <Tile to="/clients" name="Registered clients" value={String(status.registered_clients)}>
          {status.sessions} {status.sessions === 1 ? "session" : "sessions"}
        </Tile>
        <Calls />
      </dl>
    </section>
  );
}

function Head({ status }: { status: Status }) {
  const running = status.gateway === "running";
  const turn = useAct(() => post(["gateway", running ? "stop" : "start"]));
  return (
    <div className="flex flex-col gap-4 p-5">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-3">
        <span aria-hidden className={`size-3 rounded-full ${running ? "bg-good ring-4 ring-goodtint" : "border-2 border-muted"}`} />
        <div className="mr-auto">
          <h2 id="gateway" className="text-sm text-muted">
            Gateway
          </h2>
          <p className="text-xl font-semibold" aria-live="polite">
            {running ? "Running" : "Stopped"}
          </p>
        </div>
        <Button
          look={running ? "plain" : "primary"}
          onClick={() => turn.mutate()}
          disabled={turn.isPending}
          aria-label={running ? "Stop the gateway" : "Start the gateway"}
        >
          {turn.isPending ? (running ? "Stopping …" : "Starting …") : running ? "Stop" : "Start"}
        </Button>
      </div>
      <div className="flex flex-wrap items-center gap-2 text-sm">
        <code className="px-2.5 py-1.5">{status.mcp_url}</code>
        <CopyButton text={status.mcp_url} label="Copy the gateway's address" />
        <span className="text-muted">
          {running
            ? "Paste it into an application; this machine alone reaches it."
            : "Applications get no answer while it is stopped. This page stays."}
        </span>
      </div>
      {turn.error && <Notice tone="bad">{turn.error.message}</Notice>}
      <p className="text-xs text-muted">
        McpMux {status.version}, started <Time at={status.started_at} />
      </p>
    </div>
  );
}

/** Calls says how many calls come in a minute, and how long they take, over the last hour. */
function Calls() {
  const { data } = useActivitySummary("1h");
  const buckets = data?.buckets ?? [];
  const minutes = millis(data?.step ?? "1m") / 60_000 || 1;
  const rates = buckets.map((b) => b.calls / minutes);
  const last = rates.slice(-5); // the last bucket has only begun
  const now = last.reduce((sum, r) => sum + r, 0) / Math.max(last.length, 1);
  const calls = data?.total.calls ?? 0;
  return (
    <>
      <Tile to="/activity" name="Calls per minute" value={now < 10 ? String(Math.round(now * 10) / 10) : String(Math.round(now))}>
        lately, {calls} in an hour
        <Spark
          values={rates}
          label={`Calls per minute over the last hour: at most ${Math.round(Math.max(0, ...rates))}`}
          className="mt-1"
        />
      </Tile>
      <Tile to="/activity" name="Median time of a call" value={calls > 0 ? took(data?.total.median ?? "0s") : "–"}>
        {calls > 0 && `95 % under ${took(data?.total.p95 ?? "0s")}`}
      </Tile>
    </>
  );
}

/** Tile is one figure, and the way to the page about it. */
export function Tile({
  to,
  name,
  value,
  children,
}: {
  to: "/servers" | "/clients" | "/activity";
  name: string;
  value: string;
  children?: ReactNode;
}) {
  return (
    <div className="relative flex flex-col gap-0.5 px-5 py-4 hover:bg-raised">
      <dt className="text-xs text-muted">
        <Link to={to} className="after:absolute after:inset-0">
          {name}
        </Link>
      </dt>
      <dd className="text-2xl font-semibold tabular-nums">
        {value} <span className="text-sm font-normal text-muted">{children}</span>
      </dd>
    </div>
  );
}
