import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";

export function WelcomePage() {
  useTitle("First steps");
  return <PageTitle>First steps</PageTitle>;
}
