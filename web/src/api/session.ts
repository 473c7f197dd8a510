import { useSyncExternalStore } from "react";
import { ApiError, send } from "./client";
import { forget, getSecret, keep, onChange } from "./secret";

interface Session {
  secret: string;
  expires_at: string;
}

export const useLoggedIn = () => useSyncExternalStore(onChange, () => getSecret() !== "");

/** redeemTicket logs in with the ticket in the fragment, if there is one, and takes it out of the address. */
export async function redeemTicket(): Promise<string> {
  const ticket = new URLSearchParams(location.hash.slice(1)).get("ticket");
  if (!ticket) return "";
  history.replaceState(null, "", location.pathname);
  try {
    keep((await send<Session>("POST", "/session", { ticket })).secret);
    return "";
  } catch (err) {
    return err instanceof Error ? err.message : String(err);
  }
}

export async function logout(): Promise<void> {
  try {
    await send("DELETE", "/session");
  } catch (err) {
    if (!(err instanceof ApiError)) throw err; // The daemon was not reached; the login lasts.
  }
  forget();
}

/** Pairing is a page that asks a terminal to log it in: code is for the user, poll for the page. */
export interface Pairing {
  code: string;
  poll: string;
  expires_at?: string;
}

export const beginPairing = () => send<Pairing>("POST", "/session/pair", {});

/** pollPairing logs in once the terminal has said yes; false: not yet. */
export async function pollPairing(p: Pairing): Promise<boolean> {
  const s = await send<Session | { state: string }>("POST", "/session", { pair: p.poll });
  if (!("secret" in s)) return false;
  keep(s.secret);
  return true;
}

// A ticket that is opened in a tab that has the page already changes the fragment alone.
addEventListener("hashchange", () => {
  if (location.hash.includes("ticket=")) location.reload();
});
