import { useQuery } from "@tanstack/react-query";
import { del, get, post, put } from "./client";
import type { Doctor, Secrets, Service, Setting } from "./types.gen";

export const useSettings = () => useQuery({ queryKey: ["settings"], queryFn: () => get<Setting[]>(["settings"]) });
export const useDoctor = () => useQuery({ queryKey: ["doctor"], queryFn: () => get<Doctor>(["doctor"]), staleTime: 0 });
export const setSetting = (key: string, value: string) => put<Setting>(["settings", key], { value });

export const useService = () => useQuery({ queryKey: ["service"], queryFn: () => get<Service>(["service"]), staleTime: 0 });
export const installService = () => post<Service>(["service"]);
export const removeService = () => del<Service>(["service"]);

export const unlockSecrets = (passphrase: string) => post<Secrets>(["secrets", "unlock"], passphrase ? { passphrase } : {});
export const lockSecrets = () => post<Secrets>(["secrets", "lock"]);
export const rekeySecrets = (to: string, passphrase: string) =>
  post<Secrets>(["secrets", "rekey"], { ...(to && { to }), ...(passphrase && { passphrase }) });
