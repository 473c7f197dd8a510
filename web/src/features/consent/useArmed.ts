import { useEffect, useState } from "react";

const after = 600; // ms

/**
 * useArmed is true once the page has been seen for a moment: a click that was meant for what was here before lets nobody
 * in.
 */
export function useArmed(): boolean {
  const [armed, setArmed] = useState(false);
  useEffect(() => {
    let timer = 0;
    const look = () => {
      clearTimeout(timer);
      setArmed(false);
      if (document.visibilityState === "visible") timer = window.setTimeout(() => setArmed(true), after);
    };
    look();
    document.addEventListener("visibilitychange", look);
    addEventListener("focus", look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
      removeEventListener("focus", look);
    };
  }, []);
  return armed;
}
