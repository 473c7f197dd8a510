import type { Server, ServerPatch, ServerValue, Value, ValueRef } from "../../api/types.gen";
import { hidden } from "./InputField";
import type { Pair } from "./Pairs";

/** Draft is what the form about a server has in it; "" stands for what is not said. */
export interface Draft {
  inputs: Record<string, string>;
  pairs: Pair[];
  args: string;
  cwd: string;
  url: string;
  isolation: string;
  idle: string;
  call: string;
  prefix: string;
  /** verbatim says that the names of its tools have no prefix. */
  verbatim: boolean;
  roots: string;
  processes: string;
}

/** draftOf is a server as its form begins. Secrets are not in it. */
export function draftOf(s: Server, values: ServerValue[]): Draft {
  const kind = s.definition.transport === "stdio" ? "env" : "header";
  return {
    inputs: Object.fromEntries(values.filter((v) => v.kind === "input").map((v) => [v.name, v.value ?? ""])),
    pairs: values
      .filter((v) => v.kind === kind)
      .map((v) => ({ name: v.name, value: v.value ?? "", secret: v.secret || v.value === undefined, stored: true })),
    args: (s.definition.args ?? []).join("\n"),
    cwd: s.definition.cwd ?? "",
    url: s.definition.url ?? "",
    isolation: s.isolation ?? "",
    idle: s.idle_timeout ?? "",
    call: s.call_timeout ?? "",
    prefix: s.prefix ?? "",
    verbatim: s.prefix === "",
    roots: (s.roots ?? []).join("\n"),
    processes: s.max_processes ? String(s.max_processes) : "",
  };
}

/** Change is what a form changes, and what is wrong with it by the field. */
export interface Change {
  patch: ServerPatch;
  problems: Record<string, string>;
  empty: boolean;
}

const lines = (text: string) => text.split("\n").filter((l) => l !== "");

/** change compares a draft with the one that it began as. A secret that nothing was typed for stays as it is. */
export function change(s: Server, first: Draft, now: Draft): Change {
  const problems: Record<string, string> = {};
  const put: Value[] = [];
  const drop: ValueRef[] = [];
  for (const i of s.definition.inputs ?? []) {
    const [was, is] = [first.inputs[i.id] ?? "", now.inputs[i.id] ?? ""];
    const stored = i.id in first.inputs;
    if (i.required && !i.default && !is && !(hidden(i) && stored)) problems[i.id] = "This is needed.";
    if (is !== was && is) put.push({ kind: "input", name: i.id, value: is, secret: hidden(i) });
    if (is !== was && !is && stored) drop.push({ kind: "input", name: i.id });
  }
  pairs(s, first.pairs, now.pairs, put, drop, problems);
  const patch: ServerPatch = { ...(put.length > 0 && { put }), ...(drop.length > 0 && { drop }) };
  if (now.args !== first.args || now.cwd !== first.cwd || now.url !== first.url) {
    const { args: _a, cwd: _c, url: _u, ...rest } = s.definition;
    const args = lines(now.args);
    patch.definition = {
      ...rest,
      ...(args.length > 0 && { args }),
      ...(now.cwd.trim() && { cwd: now.cwd.trim() }),
      ...(now.url.trim() && { url: now.url.trim() }),
    };
  }
  tune(first, now, patch, problems);
  return { patch, problems, empty: Object.keys(patch).length === 0 };
}

function pairs(s: Server, first: Pair[], now: Pair[], put: Value[], drop: ValueRef[], problems: Record<string, string>) {
  const kind = s.definition.transport === "stdio" ? "env" : "header";
  for (const p of now) {
    const name = p.name.trim();
    const was = first.find((f) => f.name === name);
    if (!name) {
      if (p.value) problems.pairs = "A value has no name.";
      continue;
    }
    if (p.secret && p.stored && !p.value && was) continue;
    if (!was || was.value !== p.value || was.secret !== p.secret) put.push({ kind, name, value: p.value, secret: p.secret });
  }
  for (const f of first) if (!now.some((p) => p.name.trim() === f.name)) drop.push({ kind, name: f.name });
}

const duration = /^(\d+(\.\d+)?(ms|s|m|h))+$|^0$/;

function tune(first: Draft, now: Draft, patch: ServerPatch, problems: Record<string, string>) {
  if (now.isolation !== first.isolation) patch.isolation = now.isolation || null;
  for (const [field, member] of [
    ["idle", "idle_timeout"],
    ["call", "call_timeout"],
  ] as const) {
    const text = now[field].trim();
    if (text && !duration.test(text)) problems[field] = "This is a duration such as 90s, 5m or 2h; 0 is never.";
    if (text !== first[field]) patch[member] = text ? (text === "0" ? "0s" : text) : null;
  }
  if (now.verbatim !== first.verbatim || now.prefix !== first.prefix) patch.prefix = now.verbatim ? "" : now.prefix.trim() || null;
  if (now.roots !== first.roots) patch.roots = lines(now.roots);
  if (now.processes !== first.processes) {
    if (now.processes && !/^\d+$/.test(now.processes)) problems.processes = "This is a whole number.";
    patch.max_processes = now.processes ? Number(now.processes) : null;
  }
}
