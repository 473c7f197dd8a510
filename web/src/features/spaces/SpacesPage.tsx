import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";

export function SpacesPage() {
  useTitle("Spaces");
  return <PageTitle>Spaces</PageTitle>;
}
