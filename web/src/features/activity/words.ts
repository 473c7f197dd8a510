import type { Tone } from "../../ui/Badge";

/** outcomeWords are the outcomes of requests for people. */
export const outcomeWords: Record<string, string> = {
  ok: "ok",
  tool_error: "tool failed",
  error: "failed",
  denied: "denied",
  cancelled: "cancelled",
};

export const outcomeTones: Record<string, Tone> = { ok: "good", tool_error: "warn", error: "bad", denied: "bad", cancelled: "quiet" };

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dayAndYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

/** moment is when something was, as short as it can be said today. */
export function moment(at: string, now = new Date()): string {
  const then = new Date(at);
  if (then.toDateString() === now.toDateString()) return clock.format(then);
  return `${(then.getFullYear() === now.getFullYear() ? day : dayAndYear).format(then)}, ${clock.format(then)}`;
}

export const decision = (method: string) => /^(auth|guard|admin)\//.test(method);
