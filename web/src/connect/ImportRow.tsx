import { TriangleAlert } from "lucide-react";
import type { ImportServer, ImportValue } from "../api/types.gen";
import { Badge } from "../ui/Badge";
import { CheckField, SecretField, TextField } from "../ui/Field";
import { type Choice, keyOf, recipe } from "./choices";

/** ImportRow is a server of a preview: all that it would be, with what is to be looked at, and whether to add it. */
export function ImportRow({ server: s, choice: c, onChange }: { server: ImportServer; choice: Choice; onChange: (c: Choice) => void }) {
  return (
    <li className="flex flex-col gap-2 py-3 first:pt-0">
      <div className="flex flex-wrap items-center gap-2">
        <CheckField label={s.name || s.alias} checked={c.on} onChange={(on) => onChange({ ...c, on })} disabled={s.own === true} />
        {s.own && <Badge tone="quiet">McpMux itself</Badge>}
        {s.duplicate_of && <Badge tone="warn">{`like ${s.duplicate_of}`}</Badge>}
        {!s.enabled && <Badge tone="warn">will be switched off</Badge>}
      </div>
      <div className="ml-6 flex min-w-0 flex-col gap-2">
        <code className="self-start px-2 py-1 text-xs break-all">{recipe(s.definition)}</code>
        {s.values.length > 0 && (
          <ul aria-label={`Values of ${s.alias}`} className="text-xs text-muted">
            {s.values.map((v) => (
              <li key={keyOf(v)} className="break-words">
                <span className="font-mono break-all">{v.name}</span> {words(v)}
              </li>
            ))}
          </ul>
        )}
        {s.warnings.map((w) => (
          <p key={w.text} className="flex gap-2 text-sm">
            <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
            <span>
              <span className="sr-only">Warning: </span>
              {w.text}.
            </span>
          </p>
        ))}
        {c.on && <Fields server={s} choice={c} onChange={onChange} />}
      </div>
    </li>
  );
}

function Fields({ server: s, choice: c, onChange }: { server: ImportServer; choice: Choice; onChange: (c: Choice) => void }) {
  return (
    <div className="grid max-w-xl gap-3 sm:grid-cols-2">
      <TextField
        label={`Alias of ${s.name || s.alias}`}
        value={c.alias}
        onChange={(alias) => onChange({ ...c, alias })}
        maxLength={32}
        mono
      />
      {s.values
        .filter((v) => v.missing)
        .map((v) => {
          const Kind = v.secret ? SecretField : TextField;
          return (
            <Kind
              key={keyOf(v)}
              label={`${v.name} (optional now)`}
              value={c.values[keyOf(v)] ?? ""}
              onChange={(text) => onChange({ ...c, values: { ...c.values, [keyOf(v)]: text } })}
              help={v.prompt}
            />
          );
        })}
    </div>
  );
}

function words(v: ImportValue): string {
  if (v.from) return `is looked up when it is needed: ${v.from}`;
  if (v.missing) return "is not in what was read";
  if (v.secret) return "is a secret: it is sealed, and not shown";
  if (v.hidden) return "is not shown";
  return `= ${v.value ?? ""}`;
}
