import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";

export function NewServerPage() {
  useTitle("Add a server");
  return <PageTitle>Add a server</PageTitle>;
}
