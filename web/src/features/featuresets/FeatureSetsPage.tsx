import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";

export function FeatureSetsPage() {
  useTitle("FeatureSets");
  return <PageTitle>FeatureSets</PageTitle>;
}
