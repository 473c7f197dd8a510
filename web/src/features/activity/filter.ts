import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import type { ActivityFilter } from "../../api/activity";

// The parameters of the address, which is a link to what is shown. The Space that is filtered for is not the one that
// the frame looks at: the record is of all Spaces, and of what belongs to none.
const names = ["client", "server", "in", "outcome", "q", "since", "what"] as const;

export type Filters = Record<(typeof names)[number], string>;

/** useFilter is what the address asks for, as it stands there and as the admin API takes it. */
export function useFilter() {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const text = names.map((n) => search[n] ?? "").join("\n");
  const asked = useMemo(() => {
    const values = text.split("\n");
    return Object.fromEntries(names.map((n, i) => [n, values[i] ?? ""])) as Filters;
  }, [text]);
  const filter = useMemo<ActivityFilter>(
    () => ({
      client: asked.client,
      server: asked.server,
      space: asked.in,
      outcome: asked.outcome,
      search: asked.q,
      since: asked.since,
      requests: asked.what === "requests" ? "1" : "",
      decisions: asked.what === "decisions" ? "1" : "",
    }),
    [asked],
  );
  const set = useCallback(
    (change: Partial<Filters> & { tab?: string }) =>
      void navigate({
        to: ".",
        search: (s) => ({ ...s, ...Object.fromEntries(Object.entries(change).map(([n, v]) => [n, v || undefined])) }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  const clear = useCallback(() => set(Object.fromEntries(names.map((n) => [n, ""]))), [set]);
  return { asked, filter, set, clear, narrow: text.trim() !== "" };
}
