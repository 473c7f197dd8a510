import type { Definition, ImportChoice, ImportPreview, ImportServer, ImportValue } from "../api/types.gen";

/** Choice is what a person makes of a server of a preview. */
export interface Choice {
  on: boolean;
  alias: string;
  values: Record<string, string>;
}

export const keyOf = (v: ImportValue) => `${v.kind} ${v.name}`;

/** firstChoices ticks what is new. */
export const firstChoices = (p: ImportPreview): Choice[] =>
  p.servers.map((s) => ({ on: !s.duplicate_of && !s.own, alias: s.alias, values: {} }));

/** chosen is what is asked for of what is ticked; a value that was not entered is left out. */
export const chosen = (servers: ImportServer[], choices: Choice[]): ImportChoice[] =>
  servers.flatMap((s, i) => {
    const c = choices[i];
    if (!c?.on) return [];
    const values = s.values
      .filter((v) => v.missing && c.values[keyOf(v)])
      .map((v) => ({ kind: v.kind, name: v.name, secret: v.secret, value: c.values[keyOf(v)] ?? "" }));
    return [{ digest: s.digest, alias: c.alias.trim(), ...(values.length > 0 && { values }) }];
  });

/** recipe is what a definition runs, or its address, with every character. */
export function recipe(d: Definition): string {
  if (d.url) return d.url;
  const quoted = (w: string) => (/^[\w@%+=:,./${}-]+$/.test(w) ? w : `'${w.replaceAll("'", "'\\''")}'`);
  return [d.command ?? "", ...(d.args ?? [])].map(quoted).join(" ");
}
