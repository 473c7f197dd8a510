import { useState } from "react";
import { setGrant } from "../../api/clients";
import { useAct, useFeatureSets, useSpaces } from "../../api/queries";
import type { Client, FeatureSet } from "../../api/types.gen";
import { useParam } from "../../param";
import { grantText } from "../../sets";
import { Card } from "../../ui/Card";
import { CheckField, SelectField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { SearchBox } from "../../ui/SearchBox";
import { VirtualList } from "../../ui/VirtualList";
import { SetLabel } from "./SetLabel";

const few = 60; // FeatureSets that are shown without more ado

const order = ["default", "all", "custom", "server_all"];

/** GrantsCard gives a client FeatureSets, Space by Space. Each tick counts at once. */
export function GrantsCard({ client: c }: { client: Client }) {
  const spaces = useSpaces().data ?? [];
  const [param, setParam] = useParam("of");
  const [find, setFind] = useState("");
  const space = spaces.find((s) => s.id === param) ?? spaces.find((s) => s.name === c.space) ?? spaces.find((s) => s.active);
  const { data: sets, error } = useFeatureSets(space?.id ?? "");
  const grant = useAct((a: { set: FeatureSet; on: boolean }) => setGrant(c, a.set.id, a.set.space_id, a.on));
  const has = (s: FeatureSet) =>
    grant.isPending && grant.variables.set.id === s.id // what was asked for shows at once
      ? grant.variables.on
      : c.grants.some((g) => g.set === s.name && g.space === s.space);
  const shown = sets
    ?.filter((s) => grantText(s).toLowerCase().includes(find.toLowerCase()))
    .toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  const problem = error ?? grant.error;
  const line = (s: FeatureSet) => (
    <div className="border-b border-line py-2">
      {s.kind === "default" ? (
        <CheckField label={`${s.name}: every client of the Space has it`} checked disabled onChange={() => {}} />
      ) : (
        <CheckField label={<SetLabel set={s} />} checked={has(s)} onChange={(on) => grant.mutate({ set: s, on })} />
      )}
    </div>
  );
  return (
    <Card title="What it may use">
      <div className="flex flex-col gap-4">
        <div className="flex flex-wrap items-end gap-3">
          <div className="w-56">
            <SelectField
              label="In the Space"
              value={space?.id ?? ""}
              options={spaces.map((s) => ({ value: s.id, text: s.name === c.space ? `${s.name} (where it is now)` : s.name }))}
              onChange={setParam}
            />
          </div>
          {sets && sets.length > 12 && (
            <div className="flex">
              <SearchBox label="Search FeatureSets" value={find} onChange={setFind} />
            </div>
          )}
        </div>
        {problem && <Notice tone="bad">{problem.message}</Notice>}
        {!sets && !error && <p className="text-sm text-muted">Looking up the FeatureSets …</p>}
        {shown && shown.length <= few && (
          <ul className="max-h-96 overflow-y-auto">
            {shown.map((s) => (
              <li key={s.id}>{line(s)}</li>
            ))}
          </ul>
        )}
        {shown && shown.length > few && (
          <VirtualList label="FeatureSets to grant" items={shown} keyOf={(s) => s.id} estimate={40} height="24rem" render={line} />
        )}
        {sets && !sets.some((s) => s.kind !== "default" && has(s)) && (
          <p className="text-sm text-muted">Nothing is granted to it there: it sees only what every client of the Space sees.</p>
        )}
      </div>
    </Card>
  );
}
