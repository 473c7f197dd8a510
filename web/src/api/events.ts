import type { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { isLoggedOut } from "./client";
import { readEvents } from "./stream";

let live = false;
const listeners = new Set<() => void>();

function setLive(now: boolean) {
  if (live === now) return;
  live = now;
  for (const tell of listeners) tell();
}

/** useLive says whether what happens is shown as it happens. */
export const useLive = () =>
  useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => live,
  );

// What each event makes out of date, by the first word of the keys in queries.ts; an event that is not named makes
// everything so, but what only grows and has events of its own.
const concerns: Record<string, string[]> = {
  activity: ["activity"],
  server: ["servers", "status"],
  gateway: ["status"],
  clients: ["clients"],
  question: ["status"],
  request: ["requests", "clients"],
  elicitation: ["elicitations"],
};

// A browser makes six connections to one address, for all its tabs together: a tab that nobody has looked at for this
// long, in milliseconds, gives its own back.
const unseen = 60_000;

/**
 * follow reads what happens until signal, and comes back after each end of the stream, ever more slowly. An event says
 * what changed; the pages read it anew.
 */
export async function follow(queries: QueryClient, signal: AbortSignal): Promise<void> {
  const last = { id: "" };
  for (let pause = 500; !signal.aborted; pause = Math.min(pause * 2, 10_000)) {
    await seen(signal);
    const begun = Date.now();
    const look = whileSeen(signal);
    try {
      await read(queries, last, look.signal);
    } catch (err) {
      if (signal.aborted || isLoggedOut(err)) break;
    } finally {
      look.end();
    }
    setLive(false);
    if (Date.now() - begun > 20_000) pause = 500;
    await wait(pause, signal);
  }
  setLive(false);
}

function read(queries: QueryClient, last: { id: string }, signal: AbortSignal) {
  const stale = batch(queries);
  const begun = () => {
    setLive(true);
    void queries.invalidateQueries(); // what happened before the stream began
  };
  return readEvents("/api/v1/events", { signal, headers: last.id ? { "Last-Event-ID": last.id } : {} }, begun, (e) => {
    last.id = e.id || last.id;
    stale(e.name);
  });
}

/** batch makes one reading of what comes in a burst. */
function batch(queries: QueryClient): (event: string) => void {
  const names = new Set<string>();
  let timer = 0;
  return (event) => {
    for (const name of concerns[event] ?? ["*"]) names.add(name);
    if (timer) return;
    timer = window.setTimeout(() => {
      timer = 0;
      if (names.has("*")) void queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== "activity" });
      else for (const name of names) void queries.invalidateQueries({ queryKey: [name] });
      names.clear();
    }, 100);
  };
}

/** seen waits until the page is looked at. */
function seen(signal: AbortSignal): Promise<void> {
  return new Promise((wake) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      wake();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });
}

/** whileSeen is a signal that ends with another, and once nobody has looked at the page for long. */
function whileSeen(outer: AbortSignal): { signal: AbortSignal; end: () => void } {
  const left = new AbortController();
  let timer = 0;
  const look = () => {
    clearTimeout(timer);
    if (document.hidden) timer = window.setTimeout(() => left.abort(), unseen);
  };
  document.addEventListener("visibilitychange", look);
  look();
  return {
    signal: AbortSignal.any([outer, left.signal]),
    end: () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
    },
  };
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((wake) => {
    const timer = setTimeout(wake, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      wake();
    });
  });
}
