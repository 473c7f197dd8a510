import { useRef } from "react";

/** useGiveBack gives the focus back to what had it when something opened that took it. */
export function useGiveBack() {
  const from = useRef<Element>(null);
  return {
    onOpenAutoFocus: () => {
      from.current = document.activeElement;
    },
    onCloseAutoFocus: (e: Event) => {
      e.preventDefault(); // else Radix looks for a button of its own
      const lost = !document.activeElement || document.activeElement === document.body; // else another page took it meanwhile
      if (lost && from.current instanceof HTMLElement) from.current.focus();
    },
  };
}
