import { took } from "../../api/activity";
import type { Activity } from "../../api/types.gen";
import { Badge } from "../../ui/Badge";
import { decision, moment, outcomeTones, outcomeWords } from "./words";

const columns = "lg:grid lg:grid-cols-[7.5rem_7rem_5rem_6rem_minmax(0,1fr)_4rem_4rem_5.5rem] lg:gap-2.5";

/** Heads are the words above the columns, which narrow screens have no room for. */
export const Heads = () => (
  <div aria-hidden className={`hidden px-3 pb-2 text-xs font-medium text-muted ${columns}`}>
    {["Time", "Client", "Space", "Server", "Request", "Decision", "Duration", "Outcome"].map((h) => (
      <span key={h} className={h === "Duration" ? "text-right" : ""}>
        {h}
      </span>
    ))}
  </div>
);

/** CallRow is one record: a row of columns, or on a narrow screen a card of two lines. */
export function CallRow({ call: c, onOpen }: { call: Activity; onOpen: (c: Activity) => void }) {
  const what = c.method === "tools/call" ? c.name || c.method : [c.method, c.name].filter(Boolean).join(" ");
  return (
    <div className={`flex flex-wrap items-center gap-x-2 gap-y-0.5 border-b border-line px-3 py-2 text-xs ${columns}`}>
      <time dateTime={c.at} title={new Date(c.at).toLocaleString()} className="order-3 tabular-nums text-muted lg:order-none">
        {moment(c.at)}
      </time>
      <Cell hint="client" text={c.actor || c.client || (c.client_id ? "a client that is gone" : "")} />
      <Cell hint="Space" text={c.space} wide />
      <Cell hint="server" text={c.server ?? ""} />
      <span className="order-1 flex min-w-0 basis-[calc(100%-7rem)] flex-col text-sm lg:order-none">
        <button
          type="button"
          className="max-w-full truncate text-left font-mono text-[0.8rem] hover:underline"
          title={what}
          onClick={() => onOpen(c)}
        >
          {what}
        </button>
        {c.detail && (
          <span className="truncate text-xs text-muted" title={c.detail}>
            {c.detail}
          </span>
        )}
      </span>
      <span className={`hidden lg:block ${c.decision === "denied" ? "text-bad" : "text-muted"}`}>{c.decision}</span>
      <span className="order-3 text-right tabular-nums text-muted lg:order-none">
        {decision(c.method) || c.decision === "denied" ? "" : took(c.duration)}
      </span>
      <span className="order-2 ml-auto lg:order-none lg:ml-0">
        <Badge tone={outcomeTones[c.outcome] ?? "quiet"}>{outcomeWords[c.outcome] ?? c.outcome}</Badge>
      </span>
    </div>
  );
}

/** Cell is a name; hint says of what to whoever hears it. An empty one, and one for wide screens, is in columns alone. */
const Cell = ({ hint, text, wide }: { hint: string; text: string; wide?: boolean }) =>
  text ? (
    <span className={`order-3 max-w-full truncate lg:order-none ${wide ? "hidden lg:block" : ""}`} title={text}>
      <span className="sr-only">{hint} </span>
      {text}
    </span>
  ) : (
    <span className="hidden lg:block" />
  );
