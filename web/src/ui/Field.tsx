import { type ReactNode, useId } from "react";

const box = "w-full rounded-lg border border-line bg-canvas px-3 py-2 text-sm";

/** Field is a control with its label, and words that help. */
function Field({ label, help, children }: { label: string; help?: ReactNode; children: (id: string, helpID: string) => ReactNode }) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      {children(id, `${id}-help`)}
      {help && (
        <p id={`${id}-help`} className="mt-1 text-xs text-muted">
          {help}
        </p>
      )}
    </div>
  );
}

export function TextField(p: {
  label: string;
  help?: ReactNode;
  value: string;
  onChange: (v: string) => void;
  autoComplete?: string;
  maxLength?: number;
}) {
  return (
    <Field label={p.label} help={p.help}>
      {(id, helpID) => (
        <input
          id={id}
          aria-describedby={p.help ? helpID : undefined}
          className={box}
          value={p.value}
          maxLength={p.maxLength}
          autoComplete={p.autoComplete ?? "off"}
          spellCheck={false}
          onChange={(e) => p.onChange(e.target.value)}
        />
      )}
    </Field>
  );
}

export interface Option {
  value: string;
  text: string;
}

export function SelectField(p: {
  label: string;
  help?: ReactNode;
  value: string;
  options: Option[];
  onChange: (v: string) => void;
  disabled?: boolean;
}) {
  return (
    <Field label={p.label} help={p.help}>
      {(id, helpID) => (
        <select
          id={id}
          aria-describedby={p.help ? helpID : undefined}
          className={box}
          value={p.value}
          disabled={p.disabled}
          onChange={(e) => p.onChange(e.target.value)}
        >
          {p.options.map((o) => (
            <option key={o.value} value={o.value}>
              {o.text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
