import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";

export function FeatureSetPage({ name }: { name: string }) {
  useTitle("FeatureSet");
  return <PageTitle>{name}</PageTitle>;
}
