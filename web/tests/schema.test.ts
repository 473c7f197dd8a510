// Run by Node itself, which leaves the types out: see e2e/webunit_test.go.
import assert from "node:assert/strict";
import { test } from "node:test";
import { asks, begin, type Draft, make, parse, resolve, type Schema } from "../src/ui/schema.ts";

const made = (s: Schema, d: Draft) => make(s, d, s);

test("each kind of schema is asked for in its way", () => {
  const kinds: [Schema, string][] = [
    [{ type: "string" }, "text"],
    [{ type: ["null", "string"] }, "text"],
    [{ type: "integer" }, "number"],
    [{ type: "boolean" }, "boolean"],
    [{ enum: ["a", 1, null] }, "choice"],
    [{ oneOf: [{ const: "a", title: "A" }, { const: "b" }] }, "choice"],
    [{ type: "array", items: { enum: ["a", "b"] } }, "choices"],
    [{ type: "array", items: { type: "number" } }, "list"],
    [{ type: "object", properties: { a: { type: "string" } } }, "object"],
    [{ type: "object" }, "json"],
    [{ type: "array" }, "json"],
    [{ oneOf: [{ type: "string" }, { type: "number" }] }, "json"],
    [{}, "json"],
  ];
  for (const [s, kind] of kinds) assert.equal(asks(resolve(s, s)).kind, kind, JSON.stringify(s));
});

test("references are followed, and those that go in a circle end", () => {
  const tree: Schema & { $defs: Record<string, Schema> } = {
    type: "object",
    properties: { child: { $ref: "#/$defs/node" } },
    $defs: { node: { type: "object", properties: { name: { type: "string", default: "x" }, child: { $ref: "#/$defs/node" } } } },
  };
  assert.equal(asks(resolve({ $ref: "#/$defs/node" }, tree)).kind, "object");
  assert.doesNotThrow(() => begin(tree, tree));
  assert.equal(asks(resolve({ $ref: "#/$defs/none" }, tree)).kind, "json");
  assert.equal(asks(resolve({ anyOf: [{ type: "integer" }, { type: "null" }], title: "N" }, tree)).kind, "number");
});

test("what is optional and empty is left out, with what it would need itself", () => {
  const s: Schema = {
    type: "object",
    required: ["name"],
    properties: {
      name: { type: "string", minLength: 1 },
      age: { type: "integer" },
      on: { type: "boolean" },
      where: { type: "object", required: ["city"], properties: { city: { type: "string", minLength: 1 } } },
      tags: { type: "array", items: { type: "string" } },
    },
  };
  assert.deepEqual(made(s, { name: "Ada" }), { json: '{"name": "Ada"}', problems: {} });
  assert.deepEqual(made(s, {}).problems, { "/name": "This is needed." });
  assert.deepEqual(made(s, { name: "Ada", on: false, where: { city: "Oslo" }, tags: ["a"] }).json, '{"name": "Ada", "on": false, "where": {"city": "Oslo"}, "tags": ["a"]}');
});

test("numbers keep every digit that was typed or pasted", () => {
  const s: Schema = { type: "object", properties: { n: { type: "integer" }, x: { type: "number" } } };
  const big = "123456789012345678901234567890";
  assert.equal(made(s, { n: big, x: "1e-400" }).json, `{"n": ${big}, "x": 1e-400}`);
  const read = begin(s, s, parse(`{"n": ${big}, "x": 0.10}`)) as { n: string; x: string };
  assert.equal(read.n, big);
  assert.equal(read.x, "0.10");
  for (const bad of ["1.", "0x1", "NaN", "01", "--1", "1 2"]) assert.equal(made(s, { n: bad }).problems["/n"], "This is not a number.", bad);
  assert.equal(made(s, { n: "1.5" }).problems["/n"], "This has to be a whole number.");
});

test("bounds, patterns and formats are said at the field", () => {
  const s: Schema = {
    type: "object",
    properties: {
      a: { type: "string", maxLength: 2 },
      b: { type: "string", pattern: "^x+$" },
      c: { type: "string", format: "email" },
      d: { type: "number", minimum: 2, maximum: 3 },
      e: { type: "array", items: { enum: ["p", "q"] }, minItems: 2 },
      f: { type: "string", pattern: "(" }, // no pattern that a browser knows: the server's to check
    },
  };
  const { problems } = made(s, { a: "日本語", b: "y", c: "nobody", d: "9", e: ['"p"'], f: "z" });
  assert.deepEqual(Object.keys(problems).sort(), ["/a", "/b", "/c", "/d", "/e"]);
  assert.deepEqual(made(s, { a: "日本", b: "xx", c: "a@b", d: "2", e: ['"p"', '"q"'], f: "z" }).problems, {});
});

test("JSON by hand goes as it is, or is said to be none", () => {
  const s: Schema = { type: "object", properties: { any: {} }, required: ["any"] };
  assert.equal(made(s, { any: '{"a":  [1.0, 12345678901234567890]}' }).json, '{"any": {"a":  [1.0, 12345678901234567890]}}');
  assert.match(made(s, { any: "{" }).problems["/any"] ?? "", /not JSON/);
});

test("defaults are where one begins", () => {
  const s: Schema = { type: "object", properties: { a: { type: "string", default: "x" }, b: { enum: ["p", "q"], default: "q" }, c: { type: "array", items: { type: "integer" }, default: [1, 2] }, d: { type: "boolean", default: true } } };
  const d = begin(s, s);
  assert.deepEqual(d, { a: "x", b: '"q"', c: ["1", "2"], d: true });
  assert.equal(made(s, d).json, '{"a": "x", "b": "q", "c": [1, 2], "d": true}');
});

// Whatever is entered, what comes out is JSON, or something is said to be wrong.
test("any draft makes JSON", () => {
  const s: Schema = {
    type: "object",
    required: ["a", "d"],
    properties: { a: { type: "string" }, b: { type: "number" }, c: { type: "array", items: { type: "object", properties: { x: { type: "integer" } }, required: ["x"] } }, d: {}, e: { enum: [1, "2"] } },
  };
  let seed = 7;
  const random = (n: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % n;
  const texts = ["", " ", '"', "\\", "1", "1e9", "-0", "nul", "null", '{"', "[]", "\u2028", "\ud800"];
  const text = () => texts[random(texts.length)];
  for (let i = 0; i < 5000; i++) {
    const d = { a: text(), b: text(), c: random(2) ? [{ x: text() }, undefined] : undefined, d: text(), e: random(2) ? "1" : undefined };
    const { json, problems } = made(s, d);
    if (Object.keys(problems).length === 0) assert.doesNotThrow(() => JSON.parse(json), `${JSON.stringify(d)}: ${json}`);
  }
});
