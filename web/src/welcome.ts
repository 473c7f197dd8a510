import { useSyncExternalStore } from "react";

// That somebody does not want to be led is a choice of the browser. How far the first steps are is not kept anywhere:
// it follows from what there is.
const name = "mcpmux-welcome-skipped";
const listeners = new Set<() => void>();
let gone = read();

function read(): boolean {
  try {
    return localStorage.getItem(name) === "1";
  } catch {
    return false;
  }
}

/** skipWelcome remembers whether the first steps are to be left out. */
export function skipWelcome(on: boolean) {
  try {
    if (on) localStorage.setItem(name, "1");
    else localStorage.removeItem(name);
  } catch {
    // It then lasts as long as the page.
  }
  gone = on;
  for (const tell of listeners) tell();
}

/** useWelcomeSkipped says whether they are. */
export const useWelcomeSkipped = () =>
  useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => gone,
  );
