import type { FeatureSet } from "../../api/types.gen";
import { grantText, selects } from "../../sets";

/** SetLabel is a FeatureSet where it is granted: what it is called, and what it comes to now. */
export const SetLabel = ({ set: s }: { set: FeatureSet }) => (
  <span className="flex flex-wrap items-baseline gap-x-2">
    <bdi>{grantText(s)}</bdi>
    <span className="text-xs text-muted">{selects(s.resolves)}</span>
  </span>
);
