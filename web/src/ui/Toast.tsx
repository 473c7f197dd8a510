import { X } from "lucide-react";
import { createContext, type ReactNode, use, useCallback, useEffect, useRef, useState } from "react";

export interface Toast {
  text: string;
  tone?: "plain" | "bad";
  /** undo takes back what was done, for as long as the toast is shown. */
  undo?: () => void;
}

type Shown = Toast & { id: number };

const lasts = 8000; // ms

const Context = createContext<(t: Toast) => void>(() => {});

/** useToast tells in passing what was done, and may offer to take it back. */
export const useToast = () => use(Context);

export function Toasts({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Shown[]>([]);
  const last = useRef(0);
  const toast = useCallback((t: Toast) => {
    const id = ++last.current;
    setShown((all) => [...all.slice(-2), { ...t, id }]);
  }, []);
  const end = useCallback((id: number) => setShown((all) => all.filter((t) => t.id !== id)), []);
  return (
    <Context value={toast}>
      {children}
      <section
        aria-label="Messages"
        aria-live="polite"
        className="fixed right-3 bottom-3 z-50 flex max-w-[calc(100vw-1.5rem)] flex-col gap-2"
      >
        {shown.map((t) => (
          <Line key={t.id} toast={t} onEnd={end} />
        ))}
      </section>
    </Context>
  );
}

function Line({ toast: t, onEnd }: { toast: Shown; onEnd: (id: number) => void }) {
  const [held, setHeld] = useState(false); // looked at: it stays
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => onEnd(t.id), lasts);
    return () => clearTimeout(timer);
  }, [held, t.id, onEnd]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: nothing is done by it but to keep it longer
    <div
      className={`flex items-center gap-3 rounded-xl border border-line bg-surface px-4 py-3 text-sm shadow-lg ${t.tone === "bad" ? "text-bad" : ""}`}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <span className="mr-auto break-words">{t.text}</span>
      {t.undo && (
        <button
          type="button"
          className="font-semibold text-accent hover:underline"
          onClick={() => {
            t.undo?.();
            onEnd(t.id);
          }}
        >
          Undo
        </button>
      )}
      <button type="button" aria-label="Close the message" className="rounded p-1 text-muted hover:bg-raised" onClick={() => onEnd(t.id)}>
        <X aria-hidden className="size-4" />
      </button>
    </div>
  );
}
