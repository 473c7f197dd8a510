import { useId } from "react";
import type { Side } from "./useDraft";

const sides = [
  { side: "include", word: "Include", look: "has-checked:bg-goodtint has-checked:text-good" },
  { side: "", word: "Neither", look: "has-checked:bg-raised" },
  { side: "exclude", word: "Exclude", look: "has-checked:bg-badtint has-checked:text-bad" },
] as const;

/** Choice says what a set does with a member. The arrow keys go from one answer to the next. */
export function Choice({ label, value, onChange }: { label: string; value: Side; onChange: (v: Side) => void }) {
  const name = useId();
  return (
    <fieldset className="flex shrink-0 overflow-hidden rounded-lg border border-line text-xs">
      <legend className="sr-only">{label}</legend>
      {sides.map(({ side, word, look }) => (
        <label
          key={side}
          className={`relative border-line px-2 py-1.5 not-first-of-type:border-l has-checked:font-semibold has-focus-visible:outline-2 has-focus-visible:-outline-offset-2 has-focus-visible:outline-accent ${value === side ? "" : "text-muted"} ${look}`}
        >
          <input
            type="radio"
            className="absolute inset-0 opacity-0"
            name={name}
            aria-label={`${word}: ${label}`}
            checked={value === side}
            onChange={() => onChange(side)}
          />
          {side === "" ? <span aria-hidden>–</span> : word}
        </label>
      ))}
    </fieldset>
  );
}
