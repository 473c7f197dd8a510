import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { pages } from "./Bar";

const patience = 1500; // ms, between "g" and the letter of a page

/** typing says whether keys are text where the focus is. */
const typing = (at: EventTarget | null) =>
  at instanceof HTMLElement &&
  (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) &&
  !/^(checkbox|radio)$/.test((at as HTMLInputElement).type);

/** shortcuts are the keys that work on every page, for the page that lists them. */
export const shortcuts = [
  { keys: "Ctrl K", does: "Find a page, or do something" },
  { keys: "/", does: "Search on this page" },
  { keys: "?", does: "Show these keys" },
  ...pages.map((p) => ({ keys: `g ${p.key}`, does: `Go to ${p.text}` })),
];

/** useShortcuts listens to the keys. Those of one letter are left alone where one types. */
export function useShortcuts(open: (what: "palette" | "keys") => void) {
  const navigate = useNavigate();
  useEffect(() => {
    let went = 0; // when "g" was pressed
    const press = (e: KeyboardEvent) => {
      if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") {
        e.preventDefault();
        open("palette");
        return;
      }
      if (e.ctrlKey || e.metaKey || e.altKey || typing(e.target) || document.querySelector("[role=dialog],[role=alertdialog],[role=menu]"))
        return;
      const to = Date.now() - went < patience && pages.find((p) => p.key === e.key)?.to;
      went = e.key === "g" ? Date.now() : 0;
      if (to) void navigate({ to });
      else if (e.key === "?") open("keys");
      else if (e.key === "/") {
        const box = document.querySelector<HTMLInputElement>("input[data-search]");
        if (!box) return;
        e.preventDefault();
        box.focus();
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [navigate, open]);
}
