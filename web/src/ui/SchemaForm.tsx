import { Plus, X } from "lucide-react";
import { Button } from "./Button";
import { CheckField, NumberField, SelectField, TextArea, TextField } from "./Field";
import { asks, begin, type Choice, type Draft, resolve, type Schema } from "./schema";

interface Props {
  schema: Schema;
  root: Schema;
  draft: Draft;
  onChange: (d: Draft) => void;
  /** problems are by path, as schema.make finds them. */
  problems: Record<string, string>;
  path?: string;
  label?: string;
  required?: boolean;
  depth?: number;
}

/** SchemaForm asks for what a JSON Schema describes; what has no form is asked for as JSON. */
export function SchemaForm(p: Props) {
  const { root, draft, onChange, problems, path = "", required = true, depth = 0 } = p;
  const s = resolve(p.schema, root);
  const ask = asks(s, depth);
  const name = p.label ?? s.title ?? "Arguments";
  const label = required || ask.kind === "object" ? name : `${name} (optional)`;
  const text = typeof draft === "string" ? draft : "";
  const common = { label, help: s.description, error: problems[path] };
  switch (ask.kind) {
    case "object":
      return <Members {...p} path={path} name={name} properties={ask.properties} needed={ask.required} depth={depth} />;
    case "choice":
      return (
        <SelectField
          {...common}
          value={text}
          onChange={(v) => onChange(v || undefined)}
          options={[{ value: "", text: required ? "choose …" : "none" }, ...ask.choices.map((c) => ({ value: c.json, text: c.text }))]}
        />
      );
    case "choices":
      return <Several {...common} choices={ask.choices} chosen={Array.isArray(draft) ? draft : []} onChange={onChange} />;
    case "boolean":
      return required ? (
        <CheckField label={label} help={s.description} checked={draft === true} onChange={onChange} />
      ) : (
        <SelectField
          {...common}
          value={draft === undefined ? "" : String(draft)}
          onChange={(v) => onChange(v === "" ? undefined : v === "true")}
          options={[
            { value: "", text: "not said" },
            { value: "true", text: "yes" },
            { value: "false", text: "no" },
          ]}
        />
      );
    case "number":
      return <NumberField {...common} value={text} onChange={(v) => onChange(v || undefined)} />;
    case "list":
      return <List {...p} path={path} label={label} items={ask.items} depth={depth} />;
    case "text":
      return ask.long ? (
        <TextArea {...common} value={text} onChange={(v) => onChange(v || undefined)} />
      ) : (
        <TextField {...common} {...(ask.format && { placeholder: ask.format })} value={text} onChange={(v) => onChange(v || undefined)} />
      );
    case "json":
      return <TextArea mono {...common} help={s.description ?? "JSON"} rows={3} value={text} onChange={(v) => onChange(v || undefined)} />;
  }
}

function Members(p: Props & { path: string; name: string; properties: [string, Schema][]; needed: ReadonlySet<string>; depth: number }) {
  const from = (typeof p.draft === "object" && !Array.isArray(p.draft) ? p.draft : {}) as { [name: string]: Draft };
  const fields = p.properties.map(([name, s]) => (
    <SchemaForm
      key={name}
      schema={s}
      root={p.root}
      draft={from[name]}
      onChange={(d) => p.onChange({ ...from, [name]: d })}
      problems={p.problems}
      path={`${p.path}/${name}`}
      label={resolve(s, p.root).title ?? name}
      required={p.needed.has(name)}
      depth={p.depth + 1}
    />
  ));
  if (p.path === "") return <div className="flex flex-col gap-4">{fields}</div>;
  return (
    <fieldset className="flex flex-col gap-4 rounded-lg border border-line p-3">
      <legend className="px-1 text-sm font-medium">{p.name}</legend>
      {fields}
    </fieldset>
  );
}

function List(p: Props & { path: string; label: string; items: Schema; depth: number }) {
  const all = Array.isArray(p.draft) ? p.draft : [];
  const put = (next: Draft[]) => p.onChange(next.length > 0 ? next : undefined);
  return (
    <fieldset className="flex flex-col gap-3 rounded-lg border border-line p-3">
      <legend className="px-1 text-sm font-medium">{p.label}</legend>
      {all.map((d, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an item is known by its place alone
        <div key={i} className="flex items-start gap-2">
          <div className="grow">
            <SchemaForm
              schema={p.items}
              root={p.root}
              draft={d}
              onChange={(v) => put(all.map((x, at) => (at === i ? v : x)))}
              problems={p.problems}
              path={`${p.path}/${i}`}
              label={`${p.label} ${i + 1}`}
              depth={p.depth + 1}
            />
          </div>
          <Button aria-label={`Remove ${p.label} ${i + 1}`} onClick={() => put(all.filter((_, at) => at !== i))}>
            <X aria-hidden className="size-4" />
          </Button>
        </div>
      ))}
      {p.problems[p.path] && <p className="text-xs text-bad">{p.problems[p.path]}</p>}
      <Button className="self-start" aria-label={`Add to ${p.label}`} onClick={() => put([...all, begin(p.items, p.root) ?? ""])}>
        <Plus aria-hidden className="size-4" /> Add
      </Button>
    </fieldset>
  );
}

function Several(p: {
  label: string;
  help: string | undefined;
  error: string | undefined;
  choices: Choice[];
  chosen: Draft[];
  onChange: (d: Draft) => void;
}) {
  const toggle = (json: string, on: boolean) => {
    const next = on ? [...p.chosen, json] : p.chosen.filter((c) => c !== json);
    p.onChange(next.length > 0 ? next : undefined);
  };
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1 text-sm font-medium">{p.label}</legend>
      {p.choices.map((c) => (
        <CheckField key={c.json} label={c.text} checked={p.chosen.includes(c.json)} onChange={(on) => toggle(c.json, on)} />
      ))}
      {p.error && <p className="text-xs text-bad">{p.error}</p>}
      {p.help && <p className="text-xs text-muted">{p.help}</p>}
    </fieldset>
  );
}
