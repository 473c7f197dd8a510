import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";

export function SettingsPage() {
  useTitle("Settings");
  return <PageTitle>Settings</PageTitle>;
}
