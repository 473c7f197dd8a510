import { useEffect, useState } from "react";
import { useClients, useServers, useSpaces } from "../../api/queries";
import { useSpace } from "../../space";
import { type Option, SelectField } from "../../ui/Field";
import { SearchBox } from "../../ui/SearchBox";
import type { useFilter } from "./filter";
import { outcomeWords } from "./words";

const all = (text: string): Option => ({ value: "", text });

const whats = [all("everything"), { value: "requests", text: "requests" }, { value: "decisions", text: "decisions about access" }];
const sinces = [
  all("any time"),
  { value: "1h", text: "the last hour" },
  { value: "24h", text: "the last day" },
  { value: "7d", text: "the last week" },
];

/** Filters are what the record is narrowed by. */
export function Filters({ asked, set }: Pick<ReturnType<typeof useFilter>, "asked" | "set">) {
  const spaces = useSpaces().data ?? [];
  const looked = useSpace();
  const clients = useClients().data ?? [];
  const servers = useServers(asked.in || looked?.id).data ?? [];
  return (
    <div className="flex flex-col gap-3">
      <Search value={asked.q} onChange={(q) => set({ q })} />
      <div className="grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-6">
        <SelectField label="Kind" value={asked.what} options={whats} onChange={(what) => set({ what })} />
        <SelectField
          label="Client"
          value={asked.client}
          options={withValue(
            [all("any"), ...clients.map((c) => ({ value: c.id, text: c.name }))],
            asked.client,
            clients.find((c) => c.name === asked.client)?.name,
          )}
          onChange={(client) => set({ client })}
        />
        <SelectField
          label="Server"
          value={asked.server}
          options={withValue([all("any"), ...servers.map((s) => ({ value: s.alias, text: s.alias }))], asked.server)}
          onChange={(server) => set({ server })}
        />
        <SelectField
          label="Space"
          value={asked.in}
          options={withValue([all("all"), ...spaces.map((s) => ({ value: s.id, text: s.name }))], asked.in)}
          onChange={(space) => set({ in: space })}
        />
        <SelectField
          label="Outcome"
          value={asked.outcome}
          options={[all("any"), ...Object.entries(outcomeWords).map(([value, text]) => ({ value, text }))]}
          onChange={(outcome) => set({ outcome })}
        />
        <SelectField label="When" value={asked.since} options={withValue(sinces, asked.since)} onChange={(since) => set({ since })} />
      </div>
    </div>
  );
}

/** withValue adds what the address asks for where it is not among the options, such as a client that is gone. */
function withValue(options: Option[], value: string, text = value): Option[] {
  return options.some((o) => o.value === value) ? options : [...options, { value, text }];
}

// How long typing may pause before it is searched for, in milliseconds.
const pause = 200;

function Search({ value, onChange }: { value: string; onChange: (v: string) => void }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => onChange(typed), pause);
    return () => clearTimeout(timer);
  }, [typed, value, onChange]);
  return (
    <div className="flex">
      <SearchBox label="Search tools, names and details" value={typed} onChange={setTyped} />
    </div>
  );
}
