import { useState } from "react";
import { createClient } from "../../api/clients";
import { useAct, useFeatureSets, useSpaces } from "../../api/queries";
import type { CreatedClient, FeatureSet } from "../../api/types.gen";
import { useSpace } from "../../space";
import { CheckField, SelectField, TextField } from "../../ui/Field";
import { FormDialog } from "../../ui/FormDialog";
import { KeyOnce } from "./KeyOnce";
import { SetLabel } from "./SetLabel";
import { lives, type Mode, modes } from "./words";

/** NewClientDialog makes a client with an access key, for an application that cannot log in by itself. */
export function NewClientDialog({ onClose }: { onClose: () => void }) {
  const looked = useSpace();
  const spaces = useSpaces().data ?? [];
  const [name, setName] = useState("");
  const [mode, setMode] = useState<Mode>("follow");
  const [chosen, setSpace] = useState("");
  const [life, setLife] = useState("");
  const [sets, setSets] = useState<ReadonlySet<string>>(new Set(["All"]));
  const [made, setMade] = useState<CreatedClient>();
  const space = spaces.find((s) => s.id === chosen) ?? looked;
  const all = useFeatureSets(space?.id ?? "").data?.filter((s) => s.kind !== "default") ?? [];
  const create = useAct(() =>
    createClient({
      name: name.trim(),
      mode,
      space: space?.id ?? "",
      grants: all.filter((s) => sets.has(s.name)).map((s) => s.id),
      ...(life && { expires_in: life }),
    }),
  );
  if (made) return <KeyOnce secret={made.access_key} client={made.name} onClose={onClose} />;
  return (
    <FormDialog
      title="New client with a key"
      description="For an application that cannot log in by itself. One that can needs the address of the gateway and nothing else."
      action="Make it"
      ready={name.trim() !== "" && space !== undefined}
      busy={create.isPending}
      error={create.error}
      onSubmit={() => create.mutate(undefined, { onSuccess: setMade })}
      onClose={onClose}
    >
      <TextField label="Name" value={name} onChange={setName} maxLength={100} placeholder="Editor" help="What you will know it by." />
      <SelectField
        label="Connection mode"
        value={mode}
        options={modes.map((m) => ({ value: m.value, text: m.text }))}
        onChange={(v) => setMode(v as Mode)}
        help={modes.find((m) => m.value === mode)?.help}
      />
      <SelectField
        label="Space"
        value={space?.id ?? ""}
        options={spaces.map((s) => ({ value: s.id, text: s.active ? `${s.name} (active)` : s.name }))}
        onChange={setSpace}
      />
      <SetsField sets={all} chosen={sets} onChange={setSets} />
      <SelectField label="How long its key is good" value={life} options={lives} onChange={setLife} />
    </FormDialog>
  );
}

function SetsField(p: { sets: FeatureSet[]; chosen: ReadonlySet<string>; onChange: (v: ReadonlySet<string>) => void }) {
  const turn = (name: string) => {
    const next = new Set(p.chosen);
    if (!next.delete(name)) next.add(name);
    p.onChange(next);
  };
  return (
    <fieldset>
      <legend className="mb-1 text-sm font-medium">What it sees</legend>
      <div className="flex max-h-48 flex-col gap-2 overflow-y-auto">
        {p.sets.map((s) => (
          <CheckField key={s.id} label={<SetLabel set={s} />} checked={p.chosen.has(s.name)} onChange={() => turn(s.name)} />
        ))}
      </div>
      {p.chosen.size === 0 && <p className="mt-1 text-xs text-muted">Only what every client of the Space sees.</p>}
    </fieldset>
  );
}
