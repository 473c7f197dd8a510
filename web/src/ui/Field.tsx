import { type ReactNode, useId } from "react";

const box = "w-full rounded-lg border border-line bg-canvas px-3 py-2 text-sm";

interface FieldProps {
  label: string;
  help?: ReactNode;
  error?: string | undefined;
  /** children is given the id of the control, and those of what describes it. */
  children: (id: string, described: string | undefined) => ReactNode;
}

/** Field is a control with its label, words that help, and what is wrong with what was entered. */
export function Field({ label, help, error, children }: FieldProps) {
  const id = useId();
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      {children(id, described)}
      {error && (
        <p id={`${id}-error`} className="mt-1 text-xs text-bad">
          {error}
        </p>
      )}
      {help && (
        <p id={`${id}-help`} className="mt-1 text-xs break-words text-muted">
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
  placeholder?: string;
  error?: string | undefined;
  mono?: boolean;
}) {
  return (
    <Field label={p.label} help={p.help} error={p.error}>
      {(id, described) => (
        <input
          id={id}
          aria-describedby={described}
          aria-invalid={p.error ? true : undefined}
          className={`${box} placeholder:text-muted ${p.mono ? "font-mono" : ""}`}
          value={p.value}
          placeholder={p.placeholder}
          maxLength={p.maxLength}
          autoComplete={p.autoComplete ?? "off"}
          spellCheck={false}
          onChange={(e) => p.onChange(e.target.value)}
        />
      )}
    </Field>
  );
}

export function TextArea(p: {
  label: string;
  help?: ReactNode;
  value: string;
  onChange: (v: string) => void;
  rows?: number;
  mono?: boolean;
  error?: string | undefined;
}) {
  return (
    <Field label={p.label} help={p.help} error={p.error}>
      {(id, described) => (
        <textarea
          id={id}
          aria-describedby={described}
          aria-invalid={p.error ? true : undefined}
          rows={p.rows ?? 4}
          className={`${box} ${p.mono ? "font-mono text-xs" : ""}`}
          value={p.value}
          autoComplete="off"
          spellCheck={false}
          onChange={(e) => p.onChange(e.target.value)}
        />
      )}
    </Field>
  );
}

/** NumberField takes what is typed as text, so that nothing is lost of it before it is a number. */
export function NumberField(p: {
  label: string;
  help?: ReactNode;
  value: string;
  onChange: (v: string) => void;
  error?: string | undefined;
}) {
  return (
    <Field label={p.label} help={p.help} error={p.error}>
      {(id, described) => (
        <input
          id={id}
          inputMode="decimal"
          aria-describedby={described}
          aria-invalid={p.error ? true : undefined}
          className={box}
          value={p.value}
          autoComplete="off"
          onChange={(e) => p.onChange(e.target.value)}
        />
      )}
    </Field>
  );
}

/** SecretField takes what nobody should read over a shoulder; what is stored already is never shown. */
export function SecretField(p: {
  label: string;
  help?: ReactNode;
  value: string;
  onChange: (v: string) => void;
  stored?: boolean;
  error?: string | undefined;
  autoComplete?: string;
}) {
  return (
    <Field label={p.label} help={p.help} error={p.error}>
      {(id, described) => (
        <input
          id={id}
          type="password"
          aria-describedby={described}
          aria-invalid={p.error ? true : undefined}
          className={`${box} placeholder:text-muted`}
          placeholder={p.stored ? "stored; type to replace it" : undefined}
          value={p.value}
          autoComplete={p.autoComplete ?? "new-password"}
          spellCheck={false}
          onChange={(e) => p.onChange(e.target.value)}
        />
      )}
    </Field>
  );
}

/** FileField chooses a file of this machine. */
export function FileField(p: {
  label: string;
  help?: ReactNode;
  accept?: string;
  onChange: (file: File | undefined) => void;
  error?: string | undefined;
}) {
  return (
    <Field label={p.label} help={p.help} error={p.error}>
      {(id, described) => (
        <input
          id={id}
          type="file"
          accept={p.accept}
          aria-describedby={described}
          aria-invalid={p.error ? true : undefined}
          className="w-full text-sm file:mr-3 file:rounded-lg file:border file:border-line file:bg-surface file:px-3 file:py-2 file:text-sm"
          onChange={(e) => p.onChange(e.target.files?.[0])}
        />
      )}
    </Field>
  );
}

/** CheckField is something that is so or not, and counts once the form is sent. */
export function CheckField(p: {
  label: ReactNode;
  help?: ReactNode;
  checked: boolean;
  onChange: (v: boolean) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div>
      <label className="flex items-center gap-2 text-sm">
        <input
          type="checkbox"
          aria-describedby={p.help ? id : undefined}
          checked={p.checked}
          disabled={p.disabled}
          onChange={(e) => p.onChange(e.target.checked)}
        />
        {p.label}
      </label>
      {p.help && (
        <p id={id} className="mt-1 ml-6 text-xs break-words text-muted">
          {p.help}
        </p>
      )}
    </div>
  );
}

/** SwitchField is something that is so or not, and counts at once. */
export function SwitchField(p: {
  label: string;
  help?: ReactNode;
  checked: boolean;
  onChange: (v: boolean) => void;
  disabled?: boolean;
  bare?: boolean;
}) {
  const id = useId();
  return (
    <div>
      <label className="inline-flex items-center gap-3 text-sm font-medium">
        <input
          type="checkbox"
          role="switch"
          aria-checked={p.checked}
          aria-describedby={p.help ? id : undefined}
          checked={p.checked}
          disabled={p.disabled}
          onChange={(e) => p.onChange(e.target.checked)}
          className="switch"
        />
        <span className={p.bare ? "sr-only" : ""}>{p.label}</span>
      </label>
      {p.help && (
        <p id={id} className="mt-1 text-xs break-words text-muted">
          {p.help}
        </p>
      )}
    </div>
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
      {(id, described) => (
        <select
          id={id}
          aria-describedby={described}
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
