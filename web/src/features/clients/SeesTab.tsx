import { useClientFeatures } from "../../api/clients";
import { useSpaces } from "../../api/queries";
import type { Client, ExplainedFeature } from "../../api/types.gen";
import { useParam } from "../../param";
import { Badge } from "../../ui/Badge";
import { SelectField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { SearchBox } from "../../ui/SearchBox";
import { VirtualList } from "../../ui/VirtualList";
import { whyOf } from "./words";

const shows = [
  { value: "", text: "everything" },
  { value: "seen", text: "what it sees" },
  { value: "hidden", text: "what it does not see" },
];

/** SeesTab says of everything in a Space whether the client sees it, and why or why not. */
export function SeesTab({ client: c }: { client: Client }) {
  const spaces = useSpaces().data ?? [];
  const [of, setOf] = useParam("of");
  const [find, setFind] = useParam("q");
  const [show, setShow] = useParam("show");
  const { data, error } = useClientFeatures(c.name, of);
  const space = spaces.find((s) => s.id === of || (!of && s.name === data?.space));
  const needle = find.toLowerCase();
  const fits = (f: ExplainedFeature) =>
    (show === "" || f.visible === (show === "seen")) && `${f.name} ${f.qualified ?? ""} ${f.server}`.toLowerCase().includes(needle);
  const shown = data?.features.filter(fits);
  return (
    <>
      <div className="flex flex-wrap items-end gap-3">
        <SearchBox label="Search by name or server" value={find} onChange={setFind} />
        <div className="w-44">
          <SelectField label="Narrow to" value={show} options={shows} onChange={setShow} />
        </div>
        <div className="w-48">
          <SelectField
            label="In the Space"
            value={space?.id ?? ""}
            options={spaces.map((s) => ({ value: s.id, text: s.name }))}
            onChange={setOf}
          />
        </div>
      </div>
      {error && <Notice tone="bad">{error.message}</Notice>}
      {!data && !error && <p className="text-muted">Looking up what it sees …</p>}
      {data?.refusal && <Notice tone="warn">It sees nothing at all: {data.refusal}.</Notice>}
      {data && !data.refusal && !data.here && <Notice>It is not in {data.space} now. This is what its grants there come to.</Notice>}
      {data && shown && (
        <>
          <p role="status" className="text-sm text-muted">
            It sees {data.visible.toLocaleString()} of {data.features.length.toLocaleString()}
            {shown.length !== data.features.length && `; ${shown.length.toLocaleString()} are shown`}.
          </p>
          <VirtualList
            label="What there is"
            items={shown}
            keyOf={(f) => `${f.kind} ${f.member}`}
            estimate={64}
            height="65dvh"
            render={(f) => <Line feature={f} />}
          />
          {data.features.length === 0 && <p className="text-sm text-muted">No server of {data.space} offers anything yet.</p>}
        </>
      )}
    </>
  );
}

function Line({ feature: f }: { feature: ExplainedFeature }) {
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line py-2 text-sm">
      <Badge tone={f.visible ? "good" : "quiet"}>{f.visible ? "sees" : "hidden"}</Badge>
      <span className="min-w-0 font-mono text-xs break-all">{f.qualified ?? f.name}</span>
      <span className="text-xs text-muted">
        {f.kind} of {f.server}
      </span>
      <p className="w-full text-xs break-words text-muted">{whyOf(f)}.</p>
    </div>
  );
}
