import { useSyncExternalStore } from "react";

// One clock for the page; what is shown is in words that change slowly.
let now = Date.now();
const listeners = new Set<() => void>();
let timer = 0;

function listen(tell: () => void) {
  listeners.add(tell);
  if (!timer)
    timer = window.setInterval(() => {
      now = Date.now();
      for (const l of listeners) l();
    }, 5000);
  return () => {
    listeners.delete(tell);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = 0;
  };
}

const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "narrow" });
const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** ago says in words when something was, or will be. */
export function ago(at: string, from = Date.now()): string {
  const seconds = (new Date(at).getTime() - from) / 1000;
  for (const [unit, size] of units) if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit);
  if (Math.abs(seconds) < 10) return "just now";
  return words.format(Math.trunc(seconds), "second");
}

/** Time says how long ago something was; when exactly, whoever points at it. */
export function Time({ at }: { at: string | undefined }) {
  useSyncExternalStore(listen, () => now);
  if (!at) return <>never</>;
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {ago(at)}
    </time>
  );
}
