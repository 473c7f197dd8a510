import type { ServerStatus } from "./api/types.gen";
import type { Tone } from "./ui/Badge";

type State = ServerStatus["state"];

/** stateWords are the states of a server for people. */
export const stateWords: Record<State, string> = {
  connected: "connected",
  idle: "idle",
  connecting: "connecting",
  login_required: "login required",
  error: "error",
  disabled: "off",
  stopped: "stopped",
};

export const stateTones: Record<State, Tone> = {
  connected: "good",
  idle: "good",
  connecting: "warn",
  login_required: "warn",
  error: "bad",
  disabled: "quiet",
  stopped: "quiet",
};
