import type { FeatureCounts, FeatureSet } from "./api/types.gen";
import { plural } from "./ui/plural";

/** kindWords are the kinds of FeatureSets for people. */
export const kindWords: Record<FeatureSet["kind"], string> = {
  all: "everything",
  default: "every client has it",
  server_all: "one server",
  custom: "yours",
};

/** titleOf is what a set is called for people. */
export const titleOf = (s: FeatureSet) => (s.kind === "server_all" ? `Everything of ${s.server ?? s.name}` : s.name);

/** grantText is what a set is called where it is granted. */
export const grantText = (s: FeatureSet) => (s.kind === "all" ? "Everything, now and later" : titleOf(s));

/** selects says in words what a set comes to. */
export function selects(n: FeatureCounts): string {
  const parts = [
    n.tools > 0 && plural(n.tools, "tool"),
    n.prompts > 0 && plural(n.prompts, "prompt"),
    n.resources > 0 && plural(n.resources, "resource"),
    n.templates > 0 && plural(n.templates, "template"),
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(", ") : "nothing now";
}
