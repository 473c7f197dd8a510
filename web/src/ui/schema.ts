// Forms from JSON Schema, without anything that draws: what a schema asks for, a draft of it, and the draft as JSON.
// A draft has numbers as they were typed, so that none loses digits on its way (JSON has no bound on them, float64 has).

export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  enumNames?: string[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  $ref?: string;
}

/** Choice is one of several values: its text, and the value as JSON. */
export interface Choice {
  json: string;
  text: string;
}

/** Ask is what a schema asks for, as a form shows it. json is for whatever has no form: JSON by hand. */
export type Ask =
  | { kind: "choice"; choices: Choice[] }
  | { kind: "text"; format: string | undefined; long: boolean }
  | { kind: "number"; whole: boolean }
  | { kind: "boolean" }
  | { kind: "choices"; choices: Choice[] }
  | { kind: "list"; items: Schema }
  | { kind: "object"; properties: [string, Schema][]; required: ReadonlySet<string> }
  | { kind: "json" };

/** Draft is what was entered so far: text for texts, numbers, choices (their JSON) and JSON by hand; undefined is nothing. */
export type Draft = string | boolean | Draft[] | { [name: string]: Draft } | undefined;

const deepest = 8; // levels of a schema that have a form; some schemas contain themselves

/** resolve follows references within root, and takes what is not null of what may be null. */
export function resolve(schema: Schema, root: Schema, depth = 0): Schema {
  if (depth > deepest) return {};
  if (schema.$ref?.startsWith("#/")) {
    let at: unknown = root;
    for (const part of schema.$ref.slice(2).split("/"))
      at = (at as Record<string, unknown> | undefined)?.[part.replace(/~1/g, "/").replace(/~0/g, "~")];
    if (!at || typeof at !== "object") return {};
    const { $ref: _, ...beside } = schema;
    return resolve({ ...(at as Schema), ...beside }, root, depth + 1);
  }
  const rest = schema.anyOf?.filter((s) => s.type !== "null");
  if (schema.anyOf && rest?.length === 1 && rest[0]) {
    const { anyOf: _, ...beside } = schema;
    return resolve({ ...rest[0], ...beside }, root, depth + 1);
  }
  return schema;
}

const typeOf = (s: Schema) => (Array.isArray(s.type) ? s.type.find((t) => t !== "null") : s.type);

function choicesOf(s: Schema): Choice[] | undefined {
  if (s.enum) return s.enum.map((v, i) => ({ json: JSON.stringify(v), text: s.enumNames?.[i] ?? words(v) }));
  const each = s.oneOf ?? s.anyOf;
  if (each && each.length > 0 && each.every((c) => c.const !== undefined))
    return each.map((c) => ({ json: JSON.stringify(c.const), text: c.title ?? words(c.const) }));
  return undefined;
}

const words = (v: unknown) => (typeof v === "string" ? v : JSON.stringify(v));

/** asks says what a resolved schema asks for. */
export function asks(s: Schema, depth = 0): Ask {
  const choices = choicesOf(s);
  if (choices) return { kind: "choice", choices };
  switch (typeOf(s)) {
    case "string":
      return { kind: "text", format: s.format, long: (s.maxLength ?? 0) > 200 };
    case "number":
    case "integer":
      return { kind: "number", whole: typeOf(s) === "integer" };
    case "boolean":
      return { kind: "boolean" };
    case "array": {
      const several = s.items && choicesOf(s.items);
      if (several) return { kind: "choices", choices: several };
      return s.items && depth < deepest ? { kind: "list", items: s.items } : { kind: "json" };
    }
    case "object":
      if (s.properties && Object.keys(s.properties).length > 0 && depth < deepest)
        return { kind: "object", properties: Object.entries(s.properties), required: new Set(s.required ?? []) };
      return { kind: "json" };
    default:
      return { kind: "json" };
  }
}

/** begin is the draft of a value, by default that of the schema's defaults. */
export function begin(schema: Schema, root: Schema, value: unknown = undefined, depth = 0): Draft {
  const s = resolve(schema, root);
  const given = value === undefined ? s.default : value;
  const ask = asks(s, depth);
  if (ask.kind === "object") {
    const from = (given ?? {}) as Record<string, unknown>;
    return Object.fromEntries(ask.properties.map(([name, p]) => [name, begin(p, root, from[name], depth + 1)]));
  }
  if (given === undefined || given === null) return undefined;
  switch (ask.kind) {
    case "text":
      return typeof given === "string" ? given : undefined;
    case "number":
      return numberText(given);
    case "boolean":
      return typeof given === "boolean" ? given : undefined;
    case "choices":
      return Array.isArray(given) ? given.map((v) => plain(v)) : undefined;
    case "list":
      return Array.isArray(given) ? given.map((v) => begin(ask.items, root, v, depth + 1)) : undefined;
    default:
      return plain(given);
  }
}

/** Written is a number as it was written. */
class Written {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const numberText = (v: unknown) => (v instanceof Written ? v.text : typeof v === "number" ? String(v) : undefined);

// plain is a value as JSON, its numbers as they were written.
function plain(v: unknown): string {
  if (v instanceof Written) return v.text;
  if (Array.isArray(v)) return `[${v.map(plain).join(", ")}]`;
  if (v && typeof v === "object")
    return `{${Object.entries(v)
      .map(([k, x]) => `${JSON.stringify(k)}: ${plain(x)}`)
      .join(", ")}}`;
  return JSON.stringify(v) ?? "null";
}

/** parse reads JSON and keeps numbers as they were written, where the browser tells how that was. */
export function parse(text: string): unknown {
  return JSON.parse(text, (_key: string, v: unknown, context?: { source?: string }) =>
    typeof v === "number" && context?.source ? new Written(context.source) : v,
  );
}

/** Made is a draft as JSON, and what is wrong with it by the path of each field ("" is the whole). */
export interface Made {
  json: string;
  problems: Record<string, string>;
}

/** make turns a draft into JSON. What is not required and was left out is left out. */
export function make(schema: Schema, draft: Draft, root: Schema): Made {
  const problems: Record<string, string> = {};
  const json = write(schema, draft, root, "", true, problems, 0);
  return { json: json ?? "null", problems };
}

function write(
  schema: Schema,
  draft: Draft,
  root: Schema,
  path: string,
  required: boolean,
  problems: Record<string, string>,
  depth: number,
): string | undefined {
  const s = resolve(schema, root);
  const ask = asks(s, depth);
  const wrong = (text: string) => {
    problems[path] ??= text;
    return undefined;
  };
  const missing = () => (required ? wrong("This is needed.") : undefined);
  switch (ask.kind) {
    case "object": {
      const from = (draft ?? {}) as { [name: string]: Draft };
      const members = ask.properties.flatMap(([name, p]) => {
        const needed = ask.required.has(name);
        const below = `${path}/${name}`;
        // What is optional and has nothing in it is left out, with what it would need.
        if (!needed && empty(from[name])) return [];
        const v = write(p, from[name], root, below, needed, problems, depth + 1);
        return v === undefined ? [] : [`${JSON.stringify(name)}: ${v}`];
      });
      return `{${members.join(", ")}}`;
    }
    case "list": {
      if (!Array.isArray(draft)) return required ? "[]" : undefined;
      return bounded(
        s,
        draft.length,
        `[${draft.map((d, i) => write(ask.items, d, root, `${path}/${i}`, true, problems, depth + 1) ?? "null").join(", ")}]`,
        wrong,
      );
    }
    case "choices":
      if (!Array.isArray(draft)) return required ? bounded(s, 0, "[]", wrong) : undefined;
      return bounded(s, draft.length, `[${draft.join(", ")}]`, wrong);
    case "boolean":
      return draft === undefined ? (required ? "false" : undefined) : String(draft === true);
    case "number": {
      const text = typeof draft === "string" ? draft.trim() : "";
      return text ? (number(s, text, ask.whole, wrong) as string | undefined) : missing();
    }
    case "text":
      return typeof draft === "string" ? checkText(s, draft, wrong) : required ? checkText(s, "", wrong) : undefined;
    case "choice":
      return typeof draft === "string" && draft ? draft : missing();
    case "json": {
      if (typeof draft !== "string" || !draft.trim()) return missing();
      try {
        JSON.parse(draft);
        return draft;
      } catch (err) {
        return wrong(`This is not JSON: ${err instanceof Error ? err.message : String(err)}`);
      }
    }
  }
}

function empty(d: Draft): boolean {
  if (d === undefined || d === "") return true;
  if (Array.isArray(d)) return d.length === 0;
  return typeof d === "object" && Object.values(d).every(empty);
}

type Wrong = (text: string) => undefined;

function bounded(s: Schema, n: number, json: string, wrong: Wrong) {
  if (s.minItems !== undefined && n < s.minItems) return wrong(`At least ${s.minItems} are needed.`);
  if (s.maxItems !== undefined && n > s.maxItems) return wrong(`At most ${s.maxItems} are allowed.`);
  return json;
}

function number(s: Schema, text: string, whole: boolean, wrong: Wrong) {
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return wrong("This is not a number.");
  const n = Number(text);
  if (whole && !Number.isInteger(n)) return wrong("This has to be a whole number.");
  if (s.minimum !== undefined && n < s.minimum) return wrong(`This has to be at least ${s.minimum}.`);
  if (s.maximum !== undefined && n > s.maximum) return wrong(`This has to be at most ${s.maximum}.`);
  return text;
}

function checkText(s: Schema, text: string, wrong: Wrong) {
  const n = [...text].length;
  if (s.minLength !== undefined && n < s.minLength)
    return wrong(n === 0 ? "This is needed." : `This has to have at least ${s.minLength} characters.`);
  if (s.maxLength !== undefined && n > s.maxLength) return wrong(`This may have at most ${s.maxLength} characters.`);
  if (s.pattern && !matches(s.pattern, text)) return wrong(`This has to be of the form ${s.pattern}`);
  const form = s.format && forms[s.format];
  if (form && text && !form.test(text)) return wrong(`This is not of the form ${s.format}.`);
  return JSON.stringify(text);
}

// A pattern that the browser does not know is the server's to check.
function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return true;
  }
}

const forms: Record<string, RegExp> = {
  email: /^[^\s@]+@[^\s@]+$/,
  uri: /^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$/,
  date: /^\d{4}-\d{2}-\d{2}$/,
  "date-time": /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})$/,
};
