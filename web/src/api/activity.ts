import { type InfiniteData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { ask, get, pathOf } from "./client";
import type { Activity, ActivitySummary } from "./types.gen";

/** ActivityFilter chooses records as the admin API does; what is "" or left out chooses all. */
export interface ActivityFilter {
  client?: string;
  server?: string;
  space?: string;
  outcome?: string;
  search?: string;
  since?: string;
  until?: string;
  decisions?: string;
  requests?: string;
}

export type Window = "1h" | "24h" | "7d";

/** queryOf is a filter as parameters, without those that choose all. */
export const queryOf = (f: ActivityFilter): Record<string, string> =>
  Object.fromEntries(Object.entries(f).filter((e): e is [string, string] => Boolean(e[1])));

// How many records are asked for at a time, and how many new ones are held before the list begins anew.
const pageSize = 200;
const mostNew = 1000;

interface Page {
  rows: Activity[]; // oldest first
  last: number; // the id after which to ask for what is new
}

async function page(f: ActivityFilter, more: Record<string, string>, signal: AbortSignal): Promise<Page> {
  const answer = await ask(pathOf(["audit"], { ...queryOf(f), ...more }), { signal });
  return { rows: (await answer.json()) as Activity[], last: Number(answer.headers.get("Mcpmux-Last")) };
}

/**
 * useActivity are the records that a filter chooses, newest first. history is what there was when it was first asked
 * for, as far back as more has fetched it, and does not change; fresh is what has come since. Two lists, because an
 * event makes fresh alone out of date: however far one has scrolled, what comes costs one small request.
 */
export function useActivity(filter: ActivityFilter) {
  const queries = useQueryClient();
  const history = useInfiniteQuery({
    queryKey: ["record", filter],
    staleTime: "static",
    gcTime: 0,
    initialPageParam: 0,
    queryFn: ({ pageParam, signal }) =>
      page(filter, { limit: String(pageSize), ...(pageParam > 0 && { before: String(pageParam) }) }, signal),
    getNextPageParam: (p) => (p.rows.length < pageSize ? undefined : p.rows[0]?.id),
  });
  const top = history.data?.pages[0]?.last;
  const freshKey = ["activity", "fresh", filter, top];
  const fresh = useQuery({
    queryKey: freshKey,
    enabled: top !== undefined,
    gcTime: 0,
    structuralSharing: false,
    queryFn: async ({ signal }): Promise<Page> => {
      let known = queries.getQueryData<Page>(freshKey) ?? { rows: [], last: top ?? 0 };
      for (let got = pageSize; got >= pageSize && known.rows.length < mostNew; ) {
        const next = await page(filter, { limit: String(pageSize), after: String(known.last) }, signal);
        known = { rows: [...known.rows, ...next.rows], last: next.last };
        got = next.rows.length;
      }
      return known;
    },
  });
  const restart = useCallback(async () => {
    const key = ["record", filter];
    try {
      const first = await page(filter, { limit: String(pageSize) }, new AbortController().signal);
      queries.setQueryData<InfiniteData<Page, number>>(key, { pages: [first], pageParams: [0] });
    } catch {
      await queries.resetQueries({ queryKey: key, exact: true }); // which says what is wrong
    }
  }, [filter, queries]);
  const past = useMemo(() => history.data?.pages.flatMap((p) => p.rows.toReversed()) ?? [], [history.data]);
  const { fetchNextPage, hasNextPage, isFetching } = history;
  const more = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [fetchNextPage, hasNextPage, isFetching]);
  const fill = fresh.data?.rows.length ?? 0;
  return {
    fresh: fresh.data?.rows ?? none,
    history: past,
    more,
    complete: history.isSuccess && !hasNextPage,
    loading: history.isPending,
    error: history.error ?? fresh.error,
    /** overflowing says that too much is new to be held: restart begins with the newest. */
    overflowing: fill >= mostNew,
    restart,
  };
}

const none: Activity[] = [];

/** useRecentCalls are the last requests of clients, newest first, as they come; of one Space where space is not "". */
export const useRecentCalls = (limit: number, space = "") =>
  useQuery({
    queryKey: ["activity", "recent", limit, space],
    queryFn: async () => (await get<Activity[]>(["audit"], { requests: "1", limit: String(limit), ...queryOf({ space }) })).toReversed(),
  });

/** useActivitySummary counts calls; those of the last hour as they come, those of longer every ten seconds. */
export const useActivitySummary = (window: Window, space = "") =>
  useQuery({
    queryKey: [window === "1h" ? "activity" : "counts", "summary", window, space],
    queryFn: () => get<ActivitySummary>(["activity", "summary"], { window, ...queryOf({ space }) }),
    refetchInterval: window === "1h" ? 30_000 : 10_000,
    placeholderData: (before) => before,
  });

// Units of Go's durations, in milliseconds.
const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, µs: 0.001, μs: 0.001, us: 0.001, ns: 0.000_001 };

/** millis is a duration as the admin API writes it (1m2.5s), in milliseconds. */
export function millis(duration: string): number {
  let sum = 0;
  for (const [, n, unit] of duration.matchAll(/([\d.]+)(h|ms|m|s|µs|μs|us|ns)/g)) sum += Number(n) * (units[unit ?? ""] ?? 0);
  return sum;
}

/** took is a duration for people: 1.2 ms, 340 ms, 2.5 s, 3 min. */
export function took(duration: string): string {
  const ms = millis(duration);
  if (ms < 10) return `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** exportActivity fetches every record that a filter chooses as a file, and answers its name. */
export async function exportActivity(filter: ActivityFilter, format: "jsonl" | "csv"): Promise<{ name: string; file: Blob }> {
  const answer = await ask(pathOf(["audit", "export"], { ...queryOf(filter), format }));
  const name = answer.headers.get("Content-Disposition")?.match(/filename="([^"]+)"/)?.[1] ?? `mcpmux-activity.${format}`;
  return { name, file: await answer.blob() };
}
