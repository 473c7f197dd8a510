import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import { type Logged, useLog } from "../../api/servers";
import type { Server } from "../../api/types.gen";
import { useParam } from "../../param";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { Empty } from "../../ui/Empty";
import { SelectField } from "../../ui/Field";
import { SearchBox } from "../../ui/SearchBox";

const anything = { value: "", text: "any" };
const levels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
const sources = [
  anything,
  { value: "stderr", text: "its standard error" },
  { value: "server", text: "its messages" },
  { value: "connection", text: "the connection" },
];

/** LogsTab follows a server's log: what it writes to standard error, what it logs as messages, and how its connection goes. */
export function LogsTab({ server: s }: { server: Server }) {
  const { lines, live } = useLog(s);
  const [search, setSearch] = useParam("q");
  const [source, setSource] = useParam("source");
  const [level, setLevel] = useParam("level");
  const [held, setHeld] = useState<Logged[]>();
  const all = held ?? lines;
  const needle = search.toLowerCase();
  const least = levels.indexOf(level);
  const shown = all.filter(
    (l) =>
      (!source || l.source === source) &&
      (least < 0 || levels.indexOf(l.level ?? "") >= least) &&
      (!needle || l.text.toLowerCase().includes(needle)),
  );
  const text = () => shown.map(line).join("\n");
  return (
    <>
      <div className="flex flex-wrap items-end gap-3">
        <SearchBox label="Search the log" value={search} onChange={setSearch} />
        <div className="w-44">
          <SelectField label="From" value={source} options={sources} onChange={setSource} />
        </div>
        <div className="w-36">
          <SelectField
            label="Least level"
            value={level}
            options={[anything, ...levels.map((v) => ({ value: v, text: v }))]}
            onChange={setLevel}
          />
        </div>
      </div>
      <div className="flex flex-wrap items-center gap-3">
        <p role="status" className="mr-auto text-sm text-muted">
          {shown.length} of {all.length} lines,{" "}
          {held ? `paused; ${lines.filter((l) => l.n > (held.at(-1)?.n ?? -1)).length} new` : live ? "live" : "connecting …"}
        </p>
        <Button onClick={() => setHeld(held ? undefined : lines)} aria-pressed={held !== undefined}>
          {held ? "Go on" : "Pause"}
        </Button>
        <CopyButton text={text()} label="Copy the lines shown" />
        <Button onClick={() => download(`${s.alias}.log`, text())}>Download</Button>
      </div>
      {all.length === 0 ? (
        <Empty title="Nothing is logged yet">
          <p>What the server writes to its standard error and logs as messages shows up here as it comes.</p>
        </Empty>
      ) : (
        <Lines lines={shown} follow={!held} label={`The log of ${s.alias}`} />
      )}
    </>
  );
}

const line = (l: Logged) => `${l.at} ${l.source}${l.level ? ` ${l.level}` : ""}: ${l.text}`;

function download(name: string, text: string) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/plain" }));
  a.download = name;
  a.click();
  URL.revokeObjectURL(a.href);
}

/** Lines shows the lines that are seen, and stays at the end of them while one looks at that. */
function Lines({ lines, follow, label }: { lines: Logged[]; follow: boolean; label: string }) {
  const outer = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => outer.current,
    estimateSize: () => 20,
    getItemKey: (i) => lines[i]?.n ?? i,
    overscan: 12,
  });
  const last = lines.at(-1)?.n;
  useEffect(() => {
    if (last !== undefined && follow && atEnd.current) rows.scrollToIndex(lines.length - 1, { align: "end" });
  }, [last, lines.length, follow, rows]);
  return (
    <div
      ref={outer}
      role="log"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
      tabIndex={0}
      className="h-[60dvh] overflow-auto rounded-lg border border-line bg-surface py-2 font-mono text-xs"
      onScroll={(e) => {
        const el = e.currentTarget;
        atEnd.current = el.scrollHeight - el.scrollTop - el.clientHeight < 40;
      }}
    >
      <div className="relative" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((row) => {
          const l = lines[row.index];
          return (
            l && (
              <p
                key={row.key}
                ref={rows.measureElement}
                data-index={row.index}
                className={`absolute top-0 left-0 w-full px-3 break-words whitespace-pre-wrap ${loud(l) ? "text-bad" : ""}`}
                style={{ transform: `translateY(${row.start}px)` }}
              >
                <span className="text-muted">{new Date(l.at).toLocaleTimeString()} </span>
                {l.source !== "stderr" && <span className="text-muted">[{l.level ? `${l.source} ${l.level}` : l.source}] </span>}
                {l.text}
              </p>
            )
          );
        })}
      </div>
    </div>
  );
}

const loud = (l: Logged) => levels.indexOf(l.level ?? "") >= levels.indexOf("error");
