import { useEffect, useState } from "react";
import { useFeatureSets, useSpaces } from "../../api/queries";
import type { Decision, FeatureSet, Request } from "../../api/types.gen";
import { Card } from "../../ui/Card";
import { SelectField, TextField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Life } from "./Life";
import { Sets } from "./Sets";

const modes = [
  {
    value: "follow",
    text: "Follow the active Space",
    help: "It goes with you from Space to Space, and sees in each what you grant it there.",
  },
  { value: "locked", text: "Locked to this Space", help: "It stays in this Space, whichever is active." },
  { value: "ask", text: "Ask me when the active Space changes", help: "It stays where it is until you agree that it moves." },
];

/** Terms are what an application that is new gets; undefined for as long as there is something that is not shown yet. */
export function Terms({ request, onChange }: { request: Request; onChange: (d: Decision | undefined) => void }) {
  const spaces = useSpaces();
  const [name, setName] = useState(request.client_name);
  const [mode, setMode] = useState<"follow" | "locked" | "ask">("follow");
  const [chosen, setSpace] = useState("");
  const [life, setLife] = useState("");
  const [everything, setEverything] = useState(true);
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set()); // sets that were taken away
  const space = chosen || (spaces.data?.find((s) => s.active)?.name ?? "");
  const all = useFeatureSets(space);
  const sets = all.data?.filter(choosable);
  const offered = sets?.map((s) => s.name).join("\n");
  const problem = spaces.error ?? all.error;

  useEffect(() => {
    if (space === "" || (!everything && offered === undefined)) return onChange(undefined);
    const names = offered ? offered.split("\n") : [];
    onChange({
      name: name.trim(),
      mode,
      space,
      ...(life && { expires_in: life }),
      ...(!everything && { grants: names.filter((n) => !left.has(n)) }),
    });
  }, [name, mode, space, life, everything, left, offered, onChange]);

  return (
    <Card title="What it gets">
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField label="Name" value={name} maxLength={90} onChange={setName} help="What you will know it by." />
        <Life value={life} onChange={setLife} />
        <SelectField
          label="Space"
          value={space}
          options={(spaces.data ?? []).map((s) => ({ value: s.name, text: s.active ? `${s.name} (active)` : s.name }))}
          onChange={setSpace}
        />
        <SelectField
          label="Connection mode"
          value={mode}
          options={modes}
          onChange={(v) => setMode(v as typeof mode)}
          help={modes.find((m) => m.value === mode)?.help}
        />
      </div>
      {problem && <Notice tone="bad">{problem.message}</Notice>}
      <Sets space={space} sets={sets} everything={everything} onEverything={setEverything} left={left} onLeft={setLeft} />
    </Card>
  );
}

// All is the tick of its own, and Default is what every client has.
const choosable = (s: FeatureSet) => s.kind === "custom" || s.kind === "server_all";
