import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";

export function ServerPage({ alias }: { alias: string }) {
  useTitle("Server");
  return <PageTitle>{alias}</PageTitle>;
}
