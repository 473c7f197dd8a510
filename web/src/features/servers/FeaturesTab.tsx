import { useFeatures } from "../../api/servers";
import type { Feature, Server } from "../../api/types.gen";
import { useParam } from "../../param";
import { Badge } from "../../ui/Badge";
import { Disclosure } from "../../ui/Disclosure";
import { Empty } from "../../ui/Empty";
import { SelectField } from "../../ui/Field";
import { Json } from "../../ui/Json";
import { Notice } from "../../ui/Notice";
import { SearchBox } from "../../ui/SearchBox";
import { VirtualList } from "../../ui/VirtualList";

const kinds = [
  { value: "", text: "everything" },
  { value: "tool", text: "tools" },
  { value: "prompt", text: "prompts" },
  { value: "resource", text: "resources" },
  { value: "template", text: "templates" },
];

/** FeaturesTab has all that a server offers, each with its definition as the server gave it. */
export function FeaturesTab({ server: s }: { server: Server }) {
  const { data: features, error } = useFeatures(s);
  const [search, setSearch] = useParam("q");
  const [kind, setKind] = useParam("kind");
  if (error) return <Notice tone="bad">{error.message}</Notice>;
  if (!features) return <p className="text-muted">Looking up what it offers …</p>;
  if (features.length === 0)
    return (
      <Empty title="Nothing is known of it yet">
        <p>What it offers is asked for when it is connected, and kept from then on.</p>
      </Empty>
    );
  const needle = search.toLowerCase();
  const shown = features.filter((f) => (!kind || f.kind === kind) && `${f.name} ${f.description ?? ""}`.toLowerCase().includes(needle));
  return (
    <>
      <div className="flex flex-wrap items-end gap-3">
        <SearchBox label="Search what it offers" value={search} onChange={setSearch} />
        <div className="w-40">
          <SelectField label="Kind" value={kind} options={kinds} onChange={setKind} />
        </div>
      </div>
      <p role="status" className="text-sm text-muted">
        {shown.length} of {features.length}
      </p>
      <VirtualList
        label="What it offers"
        items={shown}
        keyOf={(f) => `${f.kind} ${f.name}`}
        estimate={72}
        height="70dvh"
        render={(f) => (
          <div className="border-b border-line py-3">
            <Shown feature={f} />
          </div>
        )}
      />
    </>
  );
}

function Shown({ feature: f }: { feature: Feature }) {
  const notes = hints((f.raw as { annotations?: Hints } | undefined)?.annotations);
  return (
    <Disclosure
      title={
        <span className="flex min-w-0 flex-wrap items-center gap-2">
          <span className="font-mono text-sm break-all">{f.name}</span>
          <Badge tone="quiet">{f.kind}</Badge>
          {notes.map((n) => (
            <Badge key={n} tone={n === "destructive" ? "bad" : "quiet"}>
              {n}
            </Badge>
          ))}
          {f.description && <span className="line-clamp-2 w-full font-normal text-muted">{f.description}</span>}
        </span>
      }
    >
      <Json label={`The definition of ${f.name}`} value={f.raw} />
    </Disclosure>
  );
}

interface Hints {
  readOnlyHint?: boolean;
  destructiveHint?: boolean;
  idempotentHint?: boolean;
  openWorldHint?: boolean;
}

// What a server says of a tool (MCP 2025-11-25 server/tools §Tool annotations); it is its word alone.
const hints = (h: Hints | undefined) =>
  [
    h?.readOnlyHint && "reads only",
    h?.readOnlyHint === false && h.destructiveHint && "destructive",
    h?.idempotentHint && "idempotent",
  ].filter((v) => typeof v === "string");
