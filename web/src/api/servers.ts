import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { del, get, patch, pathOf, post } from "./client";
import { readEvents } from "./stream";
import type { Feature, Login, LogLine, NewServer, Server, ServerPatch, ServerValue } from "./types.gen";

/** Where is a server: its alias, and the id of its Space. */
export interface Where {
  alias: string;
  space_id: string;
}

const at = (s: Where, ...more: string[]) => ["servers", s.alias, ...more];
const inSpace = (s: Where) => ({ space: s.space_id });

export const useServer = (alias: string, space: string | undefined) =>
  useQuery({
    queryKey: ["servers", space, alias],
    queryFn: () => get<Server>(["servers", alias], { space: space ?? "" }),
    enabled: space !== undefined,
  });

export const useFeatures = (s: Where) =>
  useQuery({ queryKey: ["servers", s.space_id, s.alias, "features"], queryFn: () => get<Feature[]>(at(s, "features"), inSpace(s)) });

export const useValues = (s: Where) =>
  useQuery({ queryKey: ["servers", s.space_id, s.alias, "values"], queryFn: () => get<ServerValue[]>(at(s, "values"), inSpace(s)) });

export const addServer = (space: string, s: NewServer) => post<Server>(["servers"], s, { space });
export const patchServer = (s: Where, change: ServerPatch) => patch<Server>(at(s), change, inSpace(s));
export const removeServer = (s: Where) => del<Server>(at(s), inSpace(s));

/** doServer does what has no body: enable, disable, restart or logout. */
export const doServer = (s: Where, what: "enable" | "disable" | "restart" | "logout") => post<Server>(at(s, what), undefined, inSpace(s));

export const beginLogin = (s: Where, method: "browser" | "paste" | "device" = "browser") =>
  post<Login>(at(s, "login"), { method }, inSpace(s));
export const endLogin = (s: Where, url: string) => post<Server>(at(s, "login", "redirect"), { url }, inSpace(s));

const kept = 5000; // lines of a log in the page

/** Logged is a line with its number in the page, by which it is known. */
export type Logged = LogLine & { n: number };

/** useLog is the end of a server's log, and what comes after it, for as long as the page shows it. */
export function useLog(s: Where): { lines: Logged[]; live: boolean; clear: () => void } {
  const [lines, setLines] = useState<Logged[]>([]);
  const [live, setLive] = useState(false);
  const { alias, space_id } = s;
  useEffect(() => {
    const end = new AbortController();
    let n = 0;
    let waiting: Logged[] = [];
    let timer = 0;
    const show = () => {
      timer = 0;
      const more = waiting;
      waiting = [];
      setLines((all) => [...all, ...more].slice(-kept));
    };
    const path = pathOf(["servers", alias, "logs"], { space: space_id, follow: "1", tail: "1000" });
    const read = async () => {
      setLines([]);
      try {
        await readEvents(
          path,
          { signal: end.signal },
          () => setLive(true),
          (e) => {
            waiting.push({ ...(JSON.parse(e.data) as LogLine), n: n++ });
            timer ||= window.setTimeout(show, 100);
          },
        );
      } catch {
        // It ends with the page, or with the daemon; below it is begun anew.
      }
      if (end.signal.aborted) return;
      setLive(false);
      setTimeout(() => !end.signal.aborted && void read(), 2000);
    };
    void read();
    return () => {
      end.abort();
      clearTimeout(timer);
    };
  }, [alias, space_id]);
  return { lines, live, clear: () => setLines([]) };
}
