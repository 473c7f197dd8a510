import { useSettings } from "../../api/settings";
import type { Setting } from "../../api/types.gen";
import { useParam } from "../../param";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { Tabs } from "../../ui/Tabs";
import { useTitle } from "../../ui/useTitle";
import { AboutCard } from "./AboutCard";
import { BackupCard } from "./BackupCard";
import { BrowsersCard } from "./BrowsersCard";
import { KeyStoreCard } from "./KeyStoreCard";
import { RestoreCard } from "./RestoreCard";
import { ServiceCard } from "./ServiceCard";
import { SettingField } from "./SettingField";
import { ThemeCard } from "./ThemeCard";

const tabs = [
  { value: "general", text: "General" },
  { value: "gateway", text: "Gateway" },
  { value: "logs", text: "Logs" },
  { value: "security", text: "Security" },
  { value: "backup", text: "Backup" },
  { value: "about", text: "About" },
];

/** groups says under which tab and title each setting is; one that is not named here is under the last. */
const groups: { tab: string; title: string; keys: string[] }[] = [
  { tab: "general", title: "Start", keys: ["gateway.autostart"] },
  { tab: "gateway", title: "Addresses", keys: ["gateway.addr", "dashboard.addr"] },
  { tab: "gateway", title: "Servers", keys: ["pool.idle_timeout", "pool.call_timeout"] },
  {
    tab: "gateway",
    title: "Clients",
    keys: ["client.rate_limit", "client.documents", "gateway.dashboard_elicitation", "gateway.page_size"],
  },
  { tab: "logs", title: "Logs", keys: ["log.level", "logs.retention", "activity.retention"] },
];

/** SettingsPage has what can be set, each with what it means and whether it counts at once. */
export function SettingsPage() {
  useTitle("Settings");
  const [param, setTab] = useParam("tab");
  const { data: settings, error } = useSettings();
  const tab = tabs.some((t) => t.value === param) ? param : "general";
  const named = new Set(groups.flatMap((g) => g.keys));
  const rest = settings?.filter((s) => !named.has(s.key)) ?? [];
  return (
    <>
      <PageTitle>Settings</PageTitle>
      {error && <Notice tone="bad">{error.message}</Notice>}
      <Tabs label="Settings" value={tab} onChange={(v) => setTab(v === "general" ? "" : v)} tabs={tabs}>
        {!settings && !error && <p className="text-muted">Looking up the settings …</p>}
        {settings &&
          groups
            .filter((g) => g.tab === tab)
            .map((g) => <Group key={g.title} title={g.title} settings={settings.filter((s) => g.keys.includes(s.key))} />)}
        {settings && tab === "gateway" && rest.length > 0 && <Group title="More" settings={rest} />}
        {tab === "general" && <ServiceCard />}
        {tab === "general" && <ThemeCard />}
        {tab === "security" && <KeyStoreCard />}
        {tab === "security" && <BrowsersCard />}
        {tab === "backup" && <BackupCard />}
        {tab === "backup" && <RestoreCard />}
        {tab === "about" && <AboutCard />}
      </Tabs>
    </>
  );
}

function Group({ title, settings }: { title: string; settings: Setting[] }) {
  return (
    <Card title={title}>
      <div className="flex flex-col divide-y divide-line">
        {settings.map((s) => (
          <div key={s.key} className="py-4 first:pt-0 last:pb-0">
            <SettingField setting={s} />
          </div>
        ))}
      </div>
    </Card>
  );
}
