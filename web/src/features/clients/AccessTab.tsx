import { useId, useState } from "react";
import { setMode } from "../../api/clients";
import { useAct, useSpaces } from "../../api/queries";
import type { Client, ClientMode } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { SelectField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { useToast } from "../../ui/Toast";
import { GrantsCard } from "./GrantsCard";
import { type Mode, modes } from "./words";

/** AccessTab says which Space a client is in, and what it may use there. */
export function AccessTab({ client }: { client: Client }) {
  return (
    <>
      <ModeCard key={`${client.mode} ${client.space_id}`} client={client} />
      <GrantsCard client={client} />
    </>
  );
}

function ModeCard({ client: c }: { client: Client }) {
  const group = useId();
  const toast = useToast();
  const spaces = useSpaces().data ?? [];
  const [mode, choose] = useState<Mode>(c.mode);
  const [chosen, setSpace] = useState(c.space_id ?? "");
  const space = spaces.find((s) => s.id === chosen) ?? spaces.find((s) => s.active);
  const save = useAct(async (m: ClientMode) => {
    const now = await setMode(c, m);
    toast({ text: `${now.name} is in ${now.space || "no Space"}.` }); // now: this card begins anew with the new mode
  });
  const changed = mode !== c.mode || (mode !== "follow" && space?.id !== c.space_id);
  return (
    <Card title="Which Space it is in">
      <form
        className="flex flex-col gap-4"
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate(mode === "follow" ? { mode } : { mode, space: space?.id ?? "" });
        }}
      >
        <fieldset className="flex flex-col gap-3">
          <legend className="sr-only">Connection mode</legend>
          {modes.map((m) => (
            <div key={m.value}>
              <label className="flex items-center gap-2 text-sm font-medium">
                <input
                  type="radio"
                  name={group}
                  checked={mode === m.value}
                  aria-describedby={`${group}-${m.value}`}
                  onChange={() => choose(m.value)}
                />
                {m.text}
              </label>
              <p id={`${group}-${m.value}`} className="mt-0.5 ml-6 text-xs text-muted">
                {m.help}
              </p>
            </div>
          ))}
        </fieldset>
        {mode !== "follow" && (
          <div className="max-w-xs">
            <SelectField
              label="Its Space"
              value={space?.id ?? ""}
              options={spaces.map((s) => ({ value: s.id, text: s.active ? `${s.name} (active)` : s.name }))}
              onChange={setSpace}
            />
          </div>
        )}
        {save.error && <Notice tone="bad">{save.error.message}</Notice>}
        <Button type="submit" look="primary" className="self-start" disabled={!changed || save.isPending}>
          {save.isPending ? "Saving …" : "Save the mode"}
        </Button>
      </form>
    </Card>
  );
}
