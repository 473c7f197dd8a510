import { ask, pathOf } from "./client";
import type { Where } from "./servers";
import type { Feature } from "./types.gen";

/** Called is one use of a Feature: request and answer as they went over the wire, and how long it took. */
export interface Called {
  request: string;
  answer: string;
  ms: number;
  /** command does the same in a terminal. */
  command: string;
}

/**
 * callFeature uses a Feature of a server, as a client, or for "" as nobody with everything of the Space. args is JSON, and
 * goes as it is; so does the answer come.
 */
export async function callFeature(s: Where, f: Feature, args: string, client: string): Promise<Called> {
  const kind = f.kind === "template" ? "resource" : f.kind;
  const name = f.kind === "template" ? (JSON.parse(args) as { uri: string }).uri : f.name;
  const head = JSON.stringify({ client: client || undefined, space: s.space_id, server: s.alias, kind, name });
  const request = kind === "resource" ? head : `${head.slice(0, -1)},"arguments":${args}}`;
  const begun = performance.now();
  const got = await ask(pathOf(["call"]), { method: "POST", headers: { "Content-Type": "application/json" }, body: request });
  const answer = await got.text();
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const words = ["mcpmux call", quoted(name), kind === "resource" ? "" : quoted(args), `--server ${s.alias} --space ${quoted(s.space_id)}`];
  if (kind !== "tool") words.push(`--kind ${kind}`);
  if (client) words.push(`--client ${quoted(client)}`);
  return { request, answer, ms: performance.now() - begun, command: words.filter(Boolean).join(" ") };
}
