import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";

export function ClientsPage() {
  useTitle("Clients");
  return <PageTitle>Clients</PageTitle>;
}
