import type { Client, ExplainedFeature, Step } from "../../api/types.gen";
import type { Tone } from "../../ui/Badge";

/** modes are the connection modes, each with what it means. */
export const modes = [
  {
    value: "follow",
    text: "Follow the active Space",
    help: "It goes with you from Space to Space, and sees in each what you grant it there.",
  },
  { value: "locked", text: "Locked to one Space", help: "It stays in that Space, whichever is active." },
  {
    value: "ask",
    text: "Ask me when the active Space changes",
    help: "It stays where it is until you agree that it moves. The question is shown on every page.",
  },
] as const;

export type Mode = (typeof modes)[number]["value"];

export const modeText = (m: Mode) => modes.find((o) => o.value === m)?.text ?? m;

/** presence is whether a client is let in, and whether it is here. */
export function presence(c: Client): { text: string; tone: Tone } {
  if (!c.approved) return { text: "not let in", tone: "warn" };
  if (c.connected > 0) return { text: "connected now", tone: "good" };
  return { text: c.last_seen ? "not connected" : "never seen", tone: "quiet" };
}

/** provesBy says how a client proves who it is. */
export function provesBy(c: Client): string {
  const ways = [
    c.authorizations.length > 0 && (c.authorizations.length === 1 ? "a login" : `${c.authorizations.length} logins`),
    c.keys.length > 0 && (c.keys.length === 1 ? "an access key" : `${c.keys.length} access keys`),
  ].filter(Boolean);
  return ways.length > 0 ? ways.join(" and ") : "nothing: it cannot come in";
}

/** whyOf says in words why a client sees something, or does not. */
export function whyOf(f: ExplainedFeature): string {
  const by = wayOf(f.included);
  switch (f.reason) {
    case "granted":
      return `Granted by ${by}`;
    case "excluded":
      return `Excluded by ${wayOf(f.excluded)}`;
    case "not_granted":
      return "No FeatureSet that it was granted has it";
    case "server_disabled":
      return `The server ${f.server} is switched off; granted by ${by}`;
    case "refused":
      return `Granted by ${by}, but it sees nothing at all now`;
    case "elsewhere":
      return `Granted by ${by}, for when it is in this Space`;
  }
  return f.reason;
}

const wayOf = (steps: Step[] | undefined) =>
  (steps ?? []).map((s) => (s.member ? `${s.set} (${s.exclude ? "excludes " : ""}${s.member})` : s.set)).join(" → ");

/** lives are how long a key may be good for. */
export const lives = [
  { value: "", text: "Until I revoke it" },
  { value: "24h", text: "For a day" },
  { value: "720h", text: "For 30 days" },
  { value: "2160h", text: "For 90 days" },
  { value: "8760h", text: "For a year" },
];
