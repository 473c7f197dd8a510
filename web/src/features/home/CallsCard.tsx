import { Link } from "@tanstack/react-router";
import { took, useRecentCalls } from "../../api/activity";
import { Badge, type Tone } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { Time } from "../../ui/Time";

const shown = 8; // the page about activity has them all

const tones: Record<string, Tone> = { ok: "good", tool_error: "warn", error: "bad", denied: "bad" };

/** CallsCard shows the last calls as they come. */
export function CallsCard() {
  const { data: calls, error } = useRecentCalls(shown);
  return (
    <Card
      title="Calls"
      aside={
        <Link to="/activity" className="ml-auto text-sm text-accent hover:underline">
          All activity
        </Link>
      }
    >
      {error && <Notice tone="bad">{error.message}</Notice>}
      {calls?.length === 0 && <p className="text-sm text-muted">Let an application use a tool: its call shows up here as it comes.</p>}
      <ul className="flex flex-col divide-y divide-line">
        {calls?.map((c) => (
          <li key={c.id} className="flex items-center gap-3 py-2 text-sm">
            <div className="mr-auto min-w-0">
              <p className="truncate font-mono text-xs">{c.name || c.method}</p>
              <p className="truncate text-xs text-muted">
                <bdi>{c.client || "this machine"}</bdi>
                {c.server && ` → ${c.server}`} · <Time at={c.at} />
              </p>
            </div>
            <span className="shrink-0 text-xs text-muted tabular-nums">{took(c.duration)}</span>
            <Badge tone={tones[c.outcome] ?? "quiet"}>{c.outcome.replace("_", " ")}</Badge>
          </li>
        ))}
      </ul>
    </Card>
  );
}
