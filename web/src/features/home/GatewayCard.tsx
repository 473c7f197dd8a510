import { post } from "../../api/client";
import { useAct, useSpaces, useStatus } from "../../api/queries";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { SelectField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";

export function GatewayCard() {
  const { data: status, error } = useStatus();
  const running = status?.gateway === "running";
  const turn = useAct(() => post(["gateway", running ? "stop" : "start"]));
  if (!status) return <Card title="Gateway">{error ? <Notice tone="bad">{error.message}</Notice> : "…"}</Card>;
  return (
    <Card title="Gateway" aside={<Badge tone={running ? "good" : "quiet"}>{running ? "Running" : "Stopped"}</Badge>}>
      <div className="flex flex-wrap items-center gap-3">
        <code>{status.mcp_url}</code>
        <Button onClick={() => turn.mutate()} disabled={turn.isPending} aria-label={running ? "Stop the gateway" : "Start the gateway"}>
          {running ? "Stop" : "Start"}
        </Button>
      </div>
      <p className="mt-3 text-sm text-muted">
        {status.connected_servers} of {status.servers} servers connected, {status.registered_clients} clients
      </p>
      <div className="mt-3 flex flex-col gap-2">
        {turn.error && <Notice tone="bad">{turn.error.message}</Notice>}
        {status.warnings.map((w) => (
          <Notice key={w} tone="warn">
            {w}
          </Notice>
        ))}
      </div>
      <ActiveSpace />
    </Card>
  );
}

function ActiveSpace() {
  const spaces = useSpaces().data ?? [];
  const activate = useAct((id: string) => post(["spaces", id, "activate"]));
  return (
    <div className="mt-4 max-w-xs">
      <SelectField
        label="Active Space"
        value={spaces.find((s) => s.active)?.id ?? ""}
        options={spaces.map((s) => ({ value: s.id, text: s.name }))}
        onChange={activate.mutate}
        disabled={activate.isPending}
      />
      {activate.error && <Notice tone="bad">{activate.error.message}</Notice>}
    </div>
  );
}
