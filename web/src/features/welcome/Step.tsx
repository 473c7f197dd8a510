import { Check } from "lucide-react";
import { type ReactNode, useId } from "react";

interface StepProps {
  n: number;
  title: string;
  /** done is the fact by which the step is done, in words. */
  done: string | false | undefined;
  open: boolean;
  onOpen: () => void;
  children: ReactNode;
}

/** Step is one of the first steps: ticked when its fact is there, and open where one works on it. */
export function Step({ n, title, done, open, onOpen, children }: StepProps) {
  const id = useId();
  return (
    <li className="rounded-xl border border-line bg-surface">
      <h2>
        <button
          type="button"
          aria-expanded={open}
          aria-controls={open ? id : undefined}
          onClick={onOpen}
          className="flex w-full flex-wrap items-center gap-x-3 gap-y-1 rounded-xl p-4 text-left font-semibold hover:bg-raised"
        >
          <span
            aria-hidden
            className={`grid size-7 shrink-0 place-items-center rounded-full text-sm ${done ? "bg-goodtint text-good" : "bg-raised text-ink"}`}
          >
            {done ? <Check className="size-4" /> : n}
          </span>
          <span>
            <span className="sr-only">Step {n}: </span>
            {title}
          </span>
          <span className={`ml-auto text-sm font-normal ${done ? "text-good" : "text-muted"}`}>{done ? `Done: ${done}` : "To do"}</span>
        </button>
      </h2>
      {open && (
        <div id={id} className="flex flex-col gap-4 border-t border-line p-4 sm:p-5">
          {children}
        </div>
      )}
    </li>
  );
}
