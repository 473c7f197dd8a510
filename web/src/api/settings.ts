import { useQuery } from "@tanstack/react-query";
import { get, put } from "./client";
import type { Doctor, Setting } from "./types.gen";

export const useSettings = () => useQuery({ queryKey: ["settings"], queryFn: () => get<Setting[]>(["settings"]) });
export const useDoctor = () => useQuery({ queryKey: ["doctor"], queryFn: () => get<Doctor>(["doctor"]), staleTime: 0 });
export const setSetting = (key: string, value: string) => put<Setting>(["settings", key], { value });
