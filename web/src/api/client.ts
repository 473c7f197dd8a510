import { forget, getSecret } from "./secret";
import type { ErrorBody } from "./types.gen";

/** ApiError is an answer of the daemon that is not a good one. Its message is for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export const isLoggedOut = (err: unknown) => err instanceof ApiError && loggedOut(err);

// 401 is no cookie; 403 with this code a cookie without the secret that belongs to it.
function loggedOut(err: ApiError): boolean {
  return err.status === 401 || (err.status === 403 && err.code === "login_required");
}

/** ask sends a request and returns the answer if it is a good one; a login that has ended is forgotten. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const secret = getSecret();
  const headers = new Headers(init.headers);
  if (secret) headers.set("X-Mcpmux-Session", secret);
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, headers });
  } catch (err) {
    if (init.signal?.aborted) throw err;
    throw new Error("McpMux does not answer. Is it running?");
  }
  if (answer.ok) return answer;
  const body = (await answer.json().catch(() => null)) as ErrorBody | null;
  const err = new ApiError(answer.status, body?.error?.code ?? "", body?.error?.message ?? (answer.statusText || `HTTP ${answer.status}`));
  // What /session refuses is a ticket or a code, not the login that there is.
  if (loggedOut(err) && path.startsWith("/api/") && secret === getSecret()) forget();
  throw err;
}

/** send makes a request with a JSON body, where there is one, and reads the JSON that comes back. */
export async function send<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, ...(signal && { signal }) };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "Content-Type": "application/json" };
  }
  const answer = await ask(path, init);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** pathOf is where something is in the admin API; parts are the segments of the path. */
export function pathOf(parts: string[], query: Record<string, string> = {}): string {
  const q = new URLSearchParams(query).toString();
  return `/api/v1/${parts.map(encodeURIComponent).join("/")}${q && `?${q}`}`;
}

const change = <T>(method: string, parts: string[], body: unknown, query: Record<string, string>) =>
  send<T>(method, pathOf(parts, query), body);

/** get reads from the admin API. */
export const get = <T>(parts: string[], query: Record<string, string> = {}) => send<T>("GET", pathOf(parts, query));

/** post does something by the admin API. */
export const post = <T>(parts: string[], body?: unknown, query: Record<string, string> = {}) => change<T>("POST", parts, body, query);

/** patch changes something. */
export const patch = <T>(parts: string[], body: unknown, query: Record<string, string> = {}) => change<T>("PATCH", parts, body, query);

/** put sets something. */
export const put = <T>(parts: string[], body: unknown, query: Record<string, string> = {}) => change<T>("PUT", parts, body, query);

/** del ends something. */
export const del = <T>(parts: string[], query: Record<string, string> = {}, body?: unknown) => change<T>("DELETE", parts, body, query);
