import { CheckField, NumberField, SelectField, TextArea, TextField } from "../../ui/Field";
import type { Draft } from "./draft";

const isolations = [
  { value: "", text: "shared, until it asks a client for something (auto)" },
  { value: "shared", text: "shared by everybody" },
  { value: "session", text: "a connection for each session of a client" },
  { value: "none", text: "a fresh connection for each call" },
];

interface Props {
  alias: string;
  draft: Draft;
  onChange: (more: Partial<Draft>) => void;
  problems: Record<string, string>;
}

/** Tuning is how a server is connected and named; what is empty is as the settings say. */
export function Tuning({ alias, draft, onChange, problems }: Props) {
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <SelectField
        label="Who shares a connection"
        value={draft.isolation}
        options={isolations}
        onChange={(isolation) => onChange({ isolation })}
      />
      <NumberField
        label="Connections that calls may hold alone"
        help="4, if nothing is entered."
        value={draft.processes}
        onChange={(processes) => onChange({ processes })}
        error={problems.processes}
      />
      <TextField
        label="Close when unused for"
        placeholder="as the settings say"
        help="A duration such as 10m; 0 is never."
        value={draft.idle}
        onChange={(idle) => onChange({ idle })}
        error={problems.idle}
      />
      <TextField
        label="End a call without progress after"
        placeholder="as the settings say"
        help="A duration such as 2m; 0 is never."
        value={draft.call}
        onChange={(call) => onChange({ call })}
        error={problems.call}
      />
      <TextField
        label="What the names of its tools begin with"
        placeholder={draft.verbatim ? "nothing" : alias}
        value={draft.verbatim ? "" : draft.prefix}
        onChange={(prefix) => onChange({ prefix, verbatim: false })}
      />
      <div className="self-end pb-2">
        <CheckField
          label="Leave the names as they are"
          checked={draft.verbatim}
          onChange={(verbatim) => onChange({ verbatim, prefix: "" })}
        />
      </div>
      <div className="sm:col-span-2">
        <TextArea
          mono
          rows={2}
          label="Roots, one file:// address in each line"
          help="What it hears when it asks for roots and no client can be asked."
          value={draft.roots}
          onChange={(roots) => onChange({ roots })}
        />
      </div>
    </div>
  );
}
