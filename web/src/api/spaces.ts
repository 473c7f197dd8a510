import { useQuery } from "@tanstack/react-query";
import { del, get, patch, post } from "./client";
import type { NewSpace, Space, SpaceDeletion, SpacePatch } from "./types.gen";

export const createSpace = (n: NewSpace) => post<Space>(["spaces"], n);
export const patchSpace = (id: string, p: SpacePatch) => patch<Space>(["spaces", id], p);
export const activateSpace = (id: string) => post<Space>(["spaces", id, "activate"]);
export const deleteSpace = (id: string) => del<Space>(["spaces", id]);

/** useDeletion says what goes with a Space; it is asked anew each time that somebody wants to delete one. */
export const useDeletion = (id: string, enabled: boolean) =>
  useQuery({ queryKey: ["spaces", id, "deletion"], queryFn: () => get<SpaceDeletion>(["spaces", id, "deletion"]), enabled, staleTime: 0 });
