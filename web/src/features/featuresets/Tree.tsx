import { ChevronRight } from "lucide-react";
import { useMemo, useState } from "react";
import { useFeatureSets, useServers } from "../../api/queries";
import type { FeatureSet, SetPreview } from "../../api/types.gen";
import { Badge } from "../../ui/Badge";
import { SelectField } from "../../ui/Field";
import { plural } from "../../ui/plural";
import { SearchBox } from "../../ui/SearchBox";
import { VirtualList } from "../../ui/VirtualList";
import { Choice } from "./Choice";
import { type Row, rowsOf, type Show } from "./rows";
import type { Draft } from "./useDraft";

const shows = [
  { value: "", text: "everything" },
  { value: "chosen", text: "what is chosen by hand" },
  { value: "in", text: "what the set has" },
  { value: "out", text: "what it has not" },
  { value: "changed", text: "what changes" },
];

/** Tree is everything that can be in a set, to be included or excluded. */
export function Tree({ set, preview, draft }: { set: FeatureSet; preview: SetPreview; draft: Draft }) {
  const sets = useFeatureSets(set.space_id).data;
  const servers = useServers(set.space_id).data;
  const [find, setFind] = useState("");
  const [show, setShow] = useState<Show>("");
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo(
    () =>
      rowsOf({
        set,
        preview,
        open,
        find,
        show,
        sets: sets ?? [],
        aliases: servers?.map((s) => s.alias) ?? [],
        members: [...draft.list.include, ...draft.list.exclude],
        sideOf: draft.sideOf,
      }),
    [set, preview, open, find, show, sets, servers, draft.list, draft.sideOf],
  );
  const turn = (alias: string) =>
    setOpen((now) => {
      const next = new Set(now);
      if (!next.delete(alias)) next.add(alias);
      return next;
    });
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-end gap-3">
        <SearchBox label="Search what there is" value={find} onChange={setFind} />
        <div className="w-48">
          <SelectField label="Narrow to" value={show} options={shows} onChange={(v) => setShow(v as Show)} />
        </div>
      </div>
      {rows.length === 0 ? (
        <p className="text-sm text-muted">
          {preview.features.length === 0 && !find && !show ? "No server of this Space offers anything yet." : "There is nothing like that."}
        </p>
      ) : (
        <VirtualList
          label="What can be in the set"
          items={rows}
          keyOf={(r) => r.key}
          estimate={48}
          height="65dvh"
          render={(r) => <Line row={r} draft={draft} onTurn={turn} />}
        />
      )}
    </div>
  );
}

function Line({ row: r, draft, onTurn }: { row: Row; draft: Draft; onTurn: (alias: string) => void }) {
  if (r.type === "title") return <h3 className="pt-3 pb-1 text-xs font-semibold text-muted">{r.text}</h3>;
  const choice = (label: string) => (
    <span className="ml-auto">
      <Choice label={label} value={draft.sideOf(r.member)} onChange={(v) => draft.put(r.member, v)} />
    </span>
  );
  const line = "flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line py-1.5 pr-1 text-sm";
  if (r.type === "server")
    return (
      <div className={line}>
        <button
          type="button"
          aria-expanded={r.open}
          className="flex min-w-0 items-center gap-1.5 rounded font-medium"
          onClick={() => onTurn(r.text)}
        >
          <ChevronRight aria-hidden className={`size-4 shrink-0 text-muted ${r.open ? "rotate-90" : ""}`} />
          <span className="break-all">{r.text}</span>
        </button>
        <span className="text-xs text-muted">
          {r.all === 0 ? "offers nothing yet" : `${r.in} of ${r.all}`}
          {r.changed > 0 && `, ${plural(r.changed, "change")}`}
        </span>
        {r.off && <Badge tone="quiet">off</Badge>}
        {choice(`the server ${r.text}`)}
      </div>
    );
  if (r.type === "feature") {
    const f = r.feature;
    return (
      <div className={`${line} pl-6`}>
        <Mark is={f.in} was={f.was} />
        <span className="min-w-0 font-mono text-xs break-all">{f.name}</span>
        <Badge tone="quiet">{f.kind}</Badge>
        {choice(`${f.kind} ${f.name} of ${f.server}`)}
      </div>
    );
  }
  return (
    <div className={line}>
      <span className={`min-w-0 break-all ${r.extra ? "font-mono text-xs" : ""}`}>{r.text}</span>
      {r.idle && <Badge tone="warn">names nothing now</Badge>}
      {choice(r.kind === "set" ? `the set ${r.text}` : r.text)}
    </div>
  );
}

/** Mark says whether the set has something, and whether that is new. */
function Mark({ is, was }: { is: boolean; was: boolean }) {
  const word = is ? (was ? "in" : "gained") : was ? "lost" : "out";
  const look = { in: "text-good", gained: "bg-goodtint text-good", lost: "bg-badtint text-bad", out: "text-muted" }[word];
  return <span className={`w-14 shrink-0 rounded px-1.5 py-0.5 text-center text-xs font-semibold ${look}`}>{word}</span>;
}
