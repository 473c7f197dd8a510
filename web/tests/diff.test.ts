import assert from "node:assert/strict";
import { test } from "node:test";
import { diff } from "../src/ui/diff.ts";

const text = (a: string[], b: string[]) => diff(a, b).map((l) => l.sign + l.text);

test("lines that both have stay, the others go or come", () => {
  assert.deepEqual(text(["a", "b", "c"], ["a", "x", "c"]), [" a", "-b", "+x", " c"]);
  assert.deepEqual(text([], ["a"]), ["+a"]);
  assert.deepEqual(text(["a"], []), ["-a"]);
  assert.deepEqual(text(["a", "a"], ["a"]), [" a", "-a"]);
});

test("what stays and goes is the text before, what stays and comes that after", () => {
  const a = ["{", '  "x": 1,', '  "y": 2', "}"];
  const b = ["{", '  "y": 3,', '  "x": 1,', "}", ""];
  const d = diff(a, b);
  assert.deepEqual(d.filter((l) => l.sign !== "+").map((l) => l.text), a);
  assert.deepEqual(d.filter((l) => l.sign !== "-").map((l) => l.text), b);
});
