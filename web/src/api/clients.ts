import { useQuery } from "@tanstack/react-query";
import { del, get, patch, post, put } from "./client";
import type { AccessKey, Client, ClientFeatures, ClientMode, CreatedClient, CreatedKey, NewClient, NewKey, RotatedKey } from "./types.gen";

export const useClient = (name: string) =>
  useQuery({ queryKey: ["clients", name], queryFn: () => get<Client>(["clients", name]), refetchInterval: 60_000 });

/** useClientFeatures says of everything in a Space why a client sees it or does not; "" is the Space that it is in. */
export const useClientFeatures = (name: string, space: string) =>
  useQuery({
    queryKey: ["clients", name, "features", space],
    queryFn: () => get<ClientFeatures>(["clients", name, "features"], space ? { space } : {}),
  });

export const createClient = (n: NewClient) => post<CreatedClient>(["clients"], n);
export const renameClient = (c: Client, name: string) => patch<Client>(["clients", c.name], { name });
export const removeClient = (c: Client) => del<Client>(["clients", c.name]);
export const setMode = (c: Client, m: ClientMode) => put<Client>(["clients", c.name, "mode"], m);
export const letIn = (c: Client) => post<Client>(["clients", c.name, "approve"]);
export const deny = (c: Client) => post<Client>(["clients", c.name, "deny"]);
export const logOutClient = (c: Client) => del<Client>(["clients", c.name, "authorizations"]);

/** setGrant gives a client a FeatureSet of a Space, or takes it back. */
export const setGrant = (c: Client, set: string, space: string, on: boolean) =>
  on ? post<Client>(["clients", c.name, "grants"], { set, space }) : del<Client>(["clients", c.name, "grants"], {}, { set, space });

export const createKey = (c: Client, n: NewKey) => post<CreatedKey>(["clients", c.name, "keys"], n);
export const rotateKey = (c: Client, k: AccessKey, n: RotatedKey) => post<CreatedKey>(["clients", c.name, "keys", k.id, "rotate"], n);
export const revokeKey = (c: Client, k: AccessKey) => del<AccessKey>(["clients", c.name, "keys", k.id]);
