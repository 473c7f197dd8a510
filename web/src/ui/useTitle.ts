import { useEffect } from "react";

/** useTitle names the page in the browser's tabs and history, and to who cannot see it. */
export function useTitle(title: string) {
  useEffect(() => {
    document.title = title ? `${title} – McpMux` : "McpMux";
    return () => {
      document.title = "McpMux";
    };
  }, [title]);
}
