import { useCallback, useMemo, useState } from "react";
import type { FeatureSet, MemberList } from "../../api/types.gen";

/** Side is what a set does with a member. */
export type Side = "include" | "exclude" | "";

export interface Draft {
  list: MemberList;
  sideOf: (member: string) => Side;
  put: (member: string, side: Side) => void;
  /** dirty says that it is not what the set has; moved that the set was changed elsewhere meanwhile. */
  dirty: boolean;
  moved: boolean;
  discard: () => void;
}

/** useDraft is the members of a set while they are edited. Until something is changed, they are those that it has. */
export function useDraft(set: FeatureSet): Draft {
  const [edited, setEdited] = useState<{ list: MemberList; base: string }>();
  const stored = useMemo(() => ({ include: set.include, exclude: set.exclude }), [set.include, set.exclude]);
  const list = edited?.list ?? stored;
  const sides = useMemo(() => {
    const all = new Map<string, Side>();
    for (const m of list.include) all.set(m, "include");
    for (const m of list.exclude) all.set(m, "exclude");
    return all;
  }, [list]);
  const put = useCallback(
    (member: string, side: Side) =>
      setEdited((now) => {
        const from = now?.list ?? stored;
        // It stays where it is in its list, so that putting it back is no change.
        const within = (members: string[], here: Side) => {
          if (side !== here) return members.filter((m) => m !== member);
          return members.includes(member) ? members : [...members, member];
        };
        const next = { include: within(from.include, "include"), exclude: within(from.exclude, "exclude") };
        return same(next, stored) ? undefined : { list: next, base: now?.base ?? textOf(stored) };
      }),
    [stored],
  );
  const sideOf = useCallback((member: string) => sides.get(member) ?? "", [sides]);
  const discard = useCallback(() => setEdited(undefined), []);
  return { list, sideOf, put, dirty: edited !== undefined, moved: edited !== undefined && edited.base !== textOf(stored), discard };
}

const textOf = (l: MemberList) => JSON.stringify([l.include.toSorted(), l.exclude.toSorted()]);
const same = (a: MemberList, b: MemberList) => textOf(a) === textOf(b);
