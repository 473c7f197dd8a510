import { Plus, X } from "lucide-react";
import { Button } from "../../ui/Button";
import { CheckField, SecretField, TextField } from "../../ui/Field";

/** Pair is a name and a value that a server is given: an environment variable, or a header. */
export interface Pair {
  name: string;
  value: string;
  secret: boolean;
  /** stored says that there is a value already, which is kept unless another is entered. */
  stored?: boolean;
}

// Names that people give to what nobody else should have.
const secretive = /(token|secret|passw|api[-_]?key|auth|credential|private|cookie)/i;

interface Props {
  title: string;
  word: string; // what one of them is called
  help?: string;
  pairs: Pair[];
  onChange: (p: Pair[]) => void;
}

/** Pairs asks for names with values. What looks like a secret is taken for one. */
export function Pairs({ title, word, help, pairs, onChange }: Props) {
  const put = (i: number, change: Partial<Pair>) => onChange(pairs.map((p, at) => (at === i ? { ...p, ...change } : p)));
  return (
    <fieldset className="flex flex-col gap-3">
      <legend className="mb-1 text-sm font-medium">{title}</legend>
      {help && <p className="text-xs text-muted">{help}</p>}
      {pairs.map((p, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a pair is known by its place alone
        <div key={i} className="grid items-end gap-3 rounded-lg border border-line p-3 sm:grid-cols-[1fr_1fr_auto_auto]">
          <TextField
            mono
            label={`Name of ${word} ${i + 1}`}
            value={p.name}
            onChange={(name) => put(i, { name, secret: p.secret || secretive.test(name) })}
          />
          {p.secret ? (
            <SecretField
              label={`Value of ${word} ${i + 1}`}
              value={p.value}
              stored={p.stored ?? false}
              onChange={(value) => put(i, { value })}
            />
          ) : (
            <TextField mono label={`Value of ${word} ${i + 1}`} value={p.value} onChange={(value) => put(i, { value })} />
          )}
          <div className="py-2">
            <CheckField label="Secret" checked={p.secret} onChange={(secret) => put(i, { secret })} />
          </div>
          <Button aria-label={`Remove ${word} ${i + 1}`} onClick={() => onChange(pairs.filter((_, at) => at !== i))}>
            <X aria-hidden className="size-4" />
          </Button>
        </div>
      ))}
      <Button className="self-start" onClick={() => onChange([...pairs, { name: "", value: "", secret: false }])}>
        <Plus aria-hidden className="size-4" />
        Add a {word}
      </Button>
    </fieldset>
  );
}
