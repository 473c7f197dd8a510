import type { FeatureSet, SelectedFeature, SetPreview } from "../../api/types.gen";
import type { Side } from "./useDraft";

/** Row is one line of the tree: something that can be a member, or the title of several. */
export type Row =
  | { type: "title"; key: string; text: string }
  | { type: "member"; key: string; member: string; kind: string; text: string; extra?: boolean; idle?: boolean }
  | { type: "server"; key: string; member: string; text: string; open: boolean; all: number; in: number; changed: number; off: boolean }
  | { type: "feature"; key: string; member: string; feature: SelectedFeature };

/** Show narrows the tree to what the set has, has not, or has otherwise than before. */
export type Show = "" | "in" | "out" | "changed" | "chosen";

interface Input {
  set: FeatureSet;
  sets: FeatureSet[];
  aliases: string[];
  preview: SetPreview;
  members: string[];
  sideOf: (member: string) => Side;
  open: ReadonlySet<string>;
  find: string;
  show: Show;
}

/** rowsOf lays the tree out: members that stand for nothing by name, other sets, and each server with what it offers. */
export function rowsOf(i: Input): Row[] {
  const rows: Row[] = [];
  const find = i.find.toLowerCase();
  const named = (...texts: string[]) => texts.some((t) => t.toLowerCase().includes(find));
  const chosen = (member: string) => i.show === "" || (i.show === "chosen" && i.sideOf(member) !== "");
  const byServer = new Map<string, SelectedFeature[]>(i.aliases.map((a) => [a, []]));
  const known = new Set(i.aliases.map((a) => `server:${a}`));
  for (const f of i.preview.features) {
    known.add(f.member).add(`server:${f.server}`);
    const there = byServer.get(f.server);
    if (there) there.push(f);
    else byServer.set(f.server, [f]);
  }
  const others = i.sets.filter((s) => s.id !== i.set.id && s.kind !== "server_all");
  for (const s of i.sets) known.add(`set:${s.name}`);

  const extra = i.members.filter((m) => !known.has(m) && named(m) && chosen(m));
  if (extra.length > 0) rows.push({ type: "title", key: "extra", text: "By pattern, or not there now" });
  for (const m of extra)
    rows.push({ type: "member", key: m, member: m, kind: m.split(":")[0] ?? "", text: m, extra: true, idle: i.preview.idle.includes(m) });

  const sets = others.filter((s) => named(s.name) && chosen(`set:${s.name}`));
  if (sets.length > 0) rows.push({ type: "title", key: "sets", text: "Other FeatureSets" });
  for (const s of sets) rows.push({ type: "member", key: `set:${s.name}`, member: `set:${s.name}`, kind: "set", text: s.name });

  let titled = false;
  for (const [alias, features] of byServer) {
    const member = `server:${alias}`;
    const whole = named(alias);
    const inside = features.filter((f) => (whole || named(f.name, f.qualified ?? "")) && fits(f, i.show, i.sideOf));
    if (inside.length === 0 && !(whole && chosen(member))) continue;
    if (!titled) rows.push({ type: "title", key: "servers", text: "Servers" });
    titled = true;
    const open = i.open.has(alias) || (!whole && find !== "") || (i.show !== "" && inside.length > 0);
    const off = features.some((f) => f.off);
    const has = features.filter((f) => f.in).length;
    const changed = features.filter((f) => f.in !== f.was).length;
    rows.push({ type: "server", key: member, member, text: alias, open, all: features.length, in: has, changed, off });
    if (open) for (const f of inside) rows.push({ type: "feature", key: `${f.kind} ${f.member}`, member: f.member, feature: f });
  }
  return rows;
}

function fits(f: SelectedFeature, show: Show, sideOf: (m: string) => Side): boolean {
  if (show === "in") return f.in;
  if (show === "out") return !f.in;
  if (show === "changed") return f.in !== f.was;
  if (show === "chosen") return sideOf(f.member) !== "";
  return true;
}
