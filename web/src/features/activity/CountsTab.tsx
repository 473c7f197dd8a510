import { millis, took, useActivitySummary, type Window } from "../../api/activity";
import { useClients, useSpaces } from "../../api/queries";
import type { ActivityCount, ActivityOf, ActivitySummary } from "../../api/types.gen";
import { useParam } from "../../param";
import { Card } from "../../ui/Card";
import { Empty } from "../../ui/Empty";
import { SelectField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Progress } from "../../ui/Progress";
import { Spark } from "../../ui/Spark";
import { Row, Table } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { useFilter } from "./filter";

const windows: { value: Window; text: string }[] = [
  { value: "1h", text: "the last hour" },
  { value: "24h", text: "the last day" },
  { value: "7d", text: "the last week" },
];

/** CountsTab counts the calls of a window: in all, and of each server, tool and client. */
export function CountsTab() {
  const [asked, setAsked] = useParam("window");
  const { asked: filter, set } = useFilter();
  const spaces = useSpaces().data ?? [];
  const window = windows.find((w) => w.value === asked) ?? { value: "1h" as const, text: "the last hour" };
  const { data: s, error } = useActivitySummary(window.value, filter.in);
  return (
    <>
      <div className="grid max-w-md grid-cols-2 gap-3">
        <SelectField label="Calls of" value={window.value} options={windows} onChange={(v) => setAsked(v === "1h" ? "" : v)} />
        <SelectField
          label="Space"
          value={filter.in}
          options={[{ value: "", text: "all" }, ...spaces.map((s) => ({ value: s.id, text: s.name }))]}
          onChange={(space) => set({ in: space })}
        />
      </div>
      {error && <Notice tone="bad">{error.message}</Notice>}
      {!s && !error && <Progress label="Counting the calls …" />}
      {s && s.total.calls === 0 && (
        <Empty title={`No calls in ${window.text}`}>
          <p>Calls of tools, prompts and resources are counted here as they are made, by server, tool and client.</p>
        </Empty>
      )}
      {s && s.total.calls > 0 && <Counts summary={s} of={window.text} />}
    </>
  );
}

function Counts({ summary: s, of }: { summary: ActivitySummary; of: string }) {
  const { set } = useFilter();
  const clients = useClients().data ?? [];
  return (
    <>
      <div className="grid grid-cols-2 gap-4 *:min-w-0 lg:grid-cols-4">
        <Figure name="Calls" value={s.total.calls.toLocaleString()} of={of} series={s.buckets.map((b) => b.calls)} />
        <Figure
          name="Failed"
          value={`${s.total.errors.toLocaleString()}${share(s.total.errors, s.total.calls)}`}
          of={of}
          series={s.buckets.map((b) => b.errors)}
        />
        <Figure
          name="Denied"
          value={`${s.total.denied.toLocaleString()}${share(s.total.denied, s.total.calls)}`}
          of={of}
          series={s.buckets.map((b) => b.denied)}
        />
        <Figure
          name="Duration, median"
          value={answered(s.total) ? took(s.total.median) : "–"}
          of={of}
          note={answered(s.total) ? `95 % within ${took(s.total.p95)}` : undefined}
          series={s.buckets.map((b) => millis(b.median))}
        />
      </div>
      <Part title="Servers" of={s.servers} name={(n) => n.name} detail={(n) => n.space} go={(n) => set({ server: n.name, tab: "" })} />
      <Part
        title="Tools and prompts"
        of={s.tools}
        name={(n) => n.name}
        detail={(n) => n.server}
        go={(n) => set({ q: n.name, server: n.server ?? "", tab: "" })}
      />
      <Part
        title="Clients"
        of={s.clients}
        name={(n) => n.name || (n.client_id ? "gone" : "McpMux itself")}
        detail={(n) => (n.client_id && !clients.some((c) => c.id === n.client_id) ? n.client_id : undefined)}
        go={(n) => set({ client: n.client_id ?? "", tab: "" })}
      />
    </>
  );
}

const answered = (c: ActivityCount) => c.calls > c.denied;

const share = (some: number, all: number) => (some > 0 ? ` (${Math.max(Math.round((some / all) * 100), 1)} %)` : "");

interface FigureProps {
  name: string;
  value: string;
  of: string;
  note?: string | undefined;
  series: number[];
}

function Figure({ name, value, of, note, series }: FigureProps) {
  return (
    <div className="rounded-xl border border-line bg-surface p-4">
      <p className="text-xs font-medium text-muted">{name}</p>
      <p className="mb-2 text-xl font-semibold tabular-nums">{value}</p>
      <Spark values={series} label={`${name} in ${of}, over time`} />
      {note && <p className="mt-2 text-xs text-muted">{note}</p>}
    </div>
  );
}

interface PartProps {
  title: string;
  of: ActivityOf[];
  name: (n: ActivityOf) => string;
  detail: (n: ActivityOf) => string | undefined;
  go: (n: ActivityOf) => void;
}

function Part({ title, of, name, detail, go }: PartProps) {
  if (of.length === 0) return null;
  return (
    <Card title={title}>
      <Table label={`Counts: ${title}`} head={["Name", "Over time", "Calls", "Failed", "Denied", "Median", "95th percentile", "Last"]}>
        {of.map((n) => (
          <Row
            key={`${n.space_id} ${n.server} ${n.method} ${n.client_id} ${n.name}`}
            name={
              <>
                <button type="button" className="min-w-32 text-left font-medium break-words hover:underline" onClick={() => go(n)}>
                  {name(n)}
                </button>
                {detail(n) && <span className="block text-xs font-normal text-muted">{detail(n)}</span>}
              </>
            }
            cells={[
              <Spark key="s" values={n.series} label={`Calls of ${name(n)} over time`} className="w-24" />,
              n.calls.toLocaleString(),
              n.errors.toLocaleString(),
              n.denied.toLocaleString(),
              answered(n) ? took(n.median) : "–",
              answered(n) ? took(n.p95) : "–",
              <Time key="t" at={n.last} />,
            ]}
          />
        ))}
      </Table>
    </Card>
  );
}
