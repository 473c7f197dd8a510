import { Link } from "@tanstack/react-router";
import { Globe, SquareTerminal } from "lucide-react";
import type { Server } from "../../api/types.gen";
import { stateTones, stateWords } from "../../state";
import { Badge } from "../../ui/Badge";
import { SwitchField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { Fix, More, useSwitch } from "./Actions";

/** ServerCard is one server: what it is, how it is, and the one thing to do where it does not work. */
export function ServerCard({ server: s }: { server: Server }) {
  const Icon = s.definition.transport === "stdio" ? SquareTerminal : Globe;
  const turn = useSwitch(s);
  return (
    <article aria-label={s.alias} className="flex flex-col gap-2 rounded-xl border border-line bg-surface p-4">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <Icon aria-hidden className="size-5 shrink-0 text-muted" />
        <Link to="/servers/$alias" params={{ alias: s.alias }} className="font-semibold break-all hover:underline">
          {s.alias}
        </Link>
        <Badge tone={stateTones[s.status.state]}>{stateWords[s.status.state]}</Badge>
        <span className="mr-auto text-xs text-muted">
          <Time at={s.status.since} />
        </span>
        <Fix server={s} />
        <SwitchField bare label={`Switch ${s.alias} on`} checked={s.enabled} disabled={turn.isPending} onChange={turn.turn} />
        <More server={s} />
      </div>
      {s.definition.title && (
        <p className="text-sm">
          {s.definition.title}
          {s.definition.description && <span className="text-muted">: {s.definition.description}</span>}
        </p>
      )}
      <p className="text-sm break-all text-muted">
        <span className="line-clamp-1">{summary(s)}</span>
      </p>
      <p className="text-xs text-muted">{offers(s)}</p>
      {s.enabled && s.status.reason && (
        <p className={`text-sm break-words ${s.status.state === "error" ? "text-bad" : "text-warn"}`}>{s.status.reason}</p>
      )}
      {turn.error && <Notice tone="bad">{turn.error.message}</Notice>}
    </article>
  );
}

/** summary is what a server runs, or where it is. */
export const summary = ({ definition: d }: Server) => d.url ?? [d.command, ...(d.args ?? [])].join(" ");

const count = (n: number, word: string) => `${n} ${n === 1 ? word : `${word}s`}`;

/** offers counts what a server has. */
export const offers = ({ features: f }: Server) =>
  [count(f.tools, "tool"), count(f.prompts, "prompt"), count(f.resources, "resource"), f.templates > 0 && count(f.templates, "template")]
    .filter(Boolean)
    .join(", ");
