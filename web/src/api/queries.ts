import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { get } from "./client";
import type { Client, DashboardSession, Elicitation, FeatureSet, Request, Server, Space, Status } from "./types.gen";

// What the pages show. The first word of a key is what events name.
export const useStatus = () => useQuery({ queryKey: ["status"], queryFn: () => get<Status>(["status"]) });
export const useSpaces = () => useQuery({ queryKey: ["spaces"], queryFn: () => get<Space[]>(["spaces"]) });
export const useServers = (space: string | undefined) =>
  useQuery({
    queryKey: ["servers", space],
    queryFn: () => get<Server[]>(["servers"], { space: space ?? "" }),
    enabled: space !== undefined,
  });
export const useClients = () => useQuery({ queryKey: ["clients"], queryFn: () => get<Client[]>(["clients"]) });
export const useElicitations = () => useQuery({ queryKey: ["elicitations"], queryFn: () => get<Elicitation[]>(["elicitations"]) });
export const useSessions = () => useQuery({ queryKey: ["sessions"], queryFn: () => get<DashboardSession[]>(["sessions"]) });

/** useRequests are those that wait. No event comes when one has waited for too long, so they are read anew then. */
export const useRequests = () =>
  useQuery({
    queryKey: ["requests"],
    queryFn: () => get<Request[]>(["requests"]),
    refetchInterval: (q) => {
      const ends = (q.state.data ?? []).map((r) => new Date(r.expires_at).getTime());
      return ends.length > 0 && Math.max(Math.min(...ends) - Date.now(), 0) + 1000;
    },
  });

export const useRequest = (id: string, enabled: boolean) =>
  useQuery({ queryKey: ["requests", id], queryFn: () => get<Request>(["requests", id]), enabled });

export const useFeatureSets = (space: string) =>
  useQuery({ queryKey: ["featuresets", space], queryFn: () => get<FeatureSet[]>(["featuresets"], { space }), enabled: space !== "" });

/** useAct does something once at a time, and has everything read anew after it. */
export function useAct<T, A = void>(act: (arg: A) => Promise<T>) {
  const queries = useQueryClient();
  return useMutation<T, Error, A>({ mutationFn: act, onSettled: () => queries.invalidateQueries() });
}
