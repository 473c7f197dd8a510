/** Line is one of a comparison: only before ("-"), only after ("+"), or in both (" "). n tells it from the others. */
export interface Line {
  sign: "-" | "+" | " ";
  text: string;
  n: number;
}

/** diff compares two texts by their lines, by their longest common subsequence. */
export function diff(before: string[], after: string[]): Line[] {
  // common[i][j] is how many lines before[i:] and after[j:] have in common.
  const common = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      (common[i] as number[])[j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const out: Line[] = [];
  const put = (sign: Line["sign"], text: string | undefined) => out.push({ sign, text: text ?? "", n: out.length });
  for (let i = 0, j = 0; i < before.length || j < after.length; ) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      put(" ", before[i++]);
      j++;
    } else if (j >= after.length || (i < before.length && at(i + 1, j) >= at(i, j + 1))) put("-", before[i++]);
    else put("+", after[j++]);
  }
  return out;
}
