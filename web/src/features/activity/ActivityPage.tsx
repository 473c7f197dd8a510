import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";

export function ActivityPage() {
  useTitle("Activity");
  return <PageTitle>Activity</PageTitle>;
}
