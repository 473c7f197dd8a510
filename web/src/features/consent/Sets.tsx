import type { FeatureSet } from "../../api/types.gen";
import { selects, titleOf } from "../../sets";

interface Props {
  space: string;
  sets: FeatureSet[] | undefined; // not known yet
  everything: boolean;
  onEverything: (v: boolean) => void;
  left: ReadonlySet<string>;
  onLeft: (v: ReadonlySet<string>) => void;
}

/** Sets chooses what an application sees: all of the Space, or some of its FeatureSets, all of which are ticked at first. */
export function Sets({ space, sets, everything, onEverything, left, onLeft }: Props) {
  const toggle = (name: string) => {
    const next = new Set(left);
    if (!next.delete(name)) next.add(name);
    onLeft(next);
  };
  return (
    <fieldset className="mt-5">
      <legend className="text-sm font-medium">What it sees</legend>
      <label className="mt-2 flex items-center gap-2 text-sm">
        <input type="radio" name="what" checked={everything} onChange={() => onEverything(true)} />
        Everything in {space}, now and later
      </label>
      <label className="mt-2 flex items-center gap-2 text-sm">
        <input type="radio" name="what" checked={!everything} onChange={() => onEverything(false)} />
        Only what I choose
      </label>
      {!everything && (
        <div className="mt-2 ml-6 flex max-h-72 flex-col gap-2 overflow-y-auto">
          {!sets && <p className="text-sm text-muted">Looking up what there is …</p>}
          {sets?.length === 0 && <p className="text-sm text-muted">There is nothing in {space} yet, so it sees nothing.</p>}
          {sets && sets.length > 0 && sets.every((s) => left.has(s.name)) && (
            <p className="text-sm text-muted">Nothing is chosen: it sees only what every client of the Space sees.</p>
          )}
          {sets?.map((s) => (
            <label key={s.id} className="flex items-center gap-2 text-sm">
              <input type="checkbox" checked={!left.has(s.name)} onChange={() => toggle(s.name)} />
              <span className="flex flex-wrap items-baseline gap-x-2">
                <bdi>{titleOf(s)}</bdi>
                <span className="text-xs text-muted">{selects(s.resolves)}</span>
              </span>
            </label>
          ))}
        </div>
      )}
    </fieldset>
  );
}
