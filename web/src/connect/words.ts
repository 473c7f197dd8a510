import type { Application } from "../api/types.gen";
import type { Tone } from "../ui/Badge";

type State = Application["state"];

/** appWords are the states of an application for people. */
export const appWords: Record<State, string> = {
  absent: "not found",
  installed: "found",
  configured: "connected",
  unreadable: "unreadable",
};

export const appTones: Record<State, Tone> = { absent: "quiet", installed: "quiet", configured: "good", unreadable: "warn" };
