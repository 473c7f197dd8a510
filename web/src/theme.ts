import { useSyncExternalStore } from "react";

// The theme is a choice of the browser, not of the daemon. public/theme.js puts it on the page before the first paint.
const name = "mcpmux-theme";
const listeners = new Set<() => void>();

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

let theme = read();

function read(): Theme {
  try {
    const kept = localStorage.getItem(name);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}

function show(next: Theme) {
  theme = next;
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  for (const tell of listeners) tell();
}

export function setTheme(next: Theme) {
  try {
    if (next === "system") localStorage.removeItem(name);
    else localStorage.setItem(name, next);
  } catch {
    // It then lasts as long as the page.
  }
  show(next);
}

export const getTheme = () => theme;

export const useTheme = () =>
  useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => theme,
  );

addEventListener("storage", (e) => {
  if (e.key === name || e.key === null) show(read());
});
