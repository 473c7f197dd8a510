import { useEffect, useState } from "react";
import { post, send } from "./client";
import type { Decided, Decision } from "./types.gen";

/** Progress is what the browser that an application opened is told of its request, logged in or not. */
export interface Progress {
  state: "loading" | "waiting" | "approved" | "denied" | "gone";
  code?: string;
  redirect_to?: string;
}

/** progressOf is how far a request is now. */
export const progressOf = (id: string, query = "", signal?: AbortSignal) =>
  send<Progress>("GET", `/consent-state/${encodeURIComponent(id)}${query}`, undefined, signal);

/** useProgress follows a request until it is decided, wherever that happens. */
export function useProgress(id: string): Progress {
  const [progress, setProgress] = useState<Progress>({ state: "loading" });
  useEffect(() => {
    const end = new AbortController();
    const ask = async (query: string) => {
      try {
        return await progressOf(id, query, end.signal);
      } catch (err) {
        if (err instanceof Error && "status" in err) return { state: "gone" } as Progress;
        return undefined; // not reached
      }
    };
    const follow = async () => {
      let now = await ask("");
      while (!end.signal.aborted) {
        if (now) setProgress(now);
        if (now && now.state !== "waiting") return;
        if (!now) await new Promise((wake) => setTimeout(wake, 1000));
        now = await ask(now ? "?wait=1" : "");
      }
    };
    void follow();
    return () => end.abort();
  }, [id]);
  return progress;
}

export const approveRequest = (id: string, d: Decision) => post<Decided>(["requests", id, "approve"], d);
export const denyRequest = (id: string) => post<Decided>(["requests", id, "deny"]);

/** denyElsewhere denies a request that another browser began. */
export const denyElsewhere = (id: string) => post<unknown>(["clients", id, "deny"]);
