import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";

export function ClientPage({ name }: { name: string }) {
  useTitle("Client");
  return <PageTitle>{name}</PageTitle>;
}
