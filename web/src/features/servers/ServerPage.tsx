import { useServer } from "../../api/servers";
import type { Server } from "../../api/types.gen";
import { useParam } from "../../param";
import { useSpace } from "../../space";
import { stateTones, stateWords } from "../../state";
import { Badge } from "../../ui/Badge";
import { SwitchField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { Tabs } from "../../ui/Tabs";
import { useTitle } from "../../ui/useTitle";
import { Fix, More, useSwitch } from "./Actions";
import { ConfigureTab } from "./ConfigureTab";
import { DefinitionTab } from "./DefinitionTab";
import { FeaturesTab } from "./FeaturesTab";
import { LogsTab } from "./LogsTab";
import { OverviewTab } from "./OverviewTab";
import { TryTab } from "./TryTab";

const tabs = {
  overview: OverviewTab,
  features: FeaturesTab,
  try: TryTab,
  logs: LogsTab,
  configure: ConfigureTab,
  definition: DefinitionTab,
};

/** ServerPage is everything about one server of the Space. */
export function ServerPage({ alias }: { alias: string }) {
  useTitle(alias);
  const space = useSpace();
  const { data: server, error } = useServer(alias, space?.id);
  if (server) return <Shown server={server} />;
  return (
    <>
      <PageTitle>{alias}</PageTitle>
      {error ? <Notice tone="bad">{error.message}</Notice> : <p className="text-muted">Looking up the server …</p>}
    </>
  );
}

function Shown({ server: s }: { server: Server }) {
  const [param, setTab] = useParam("tab");
  const tab = param in tabs ? (param as keyof typeof tabs) : "overview";
  const Part = tabs[tab];
  const turn = useSwitch(s);
  const f = s.features;
  return (
    <>
      <div className="flex flex-wrap items-center gap-3">
        <PageTitle>{s.alias}</PageTitle>
        <span className="mr-auto">
          <Badge tone={stateTones[s.status.state]}>{stateWords[s.status.state]}</Badge>
        </span>
        <Fix server={s} />
        <SwitchField bare label={`Switch ${s.alias} on`} checked={s.enabled} disabled={turn.isPending} onChange={turn.turn} />
        <More server={s} />
      </div>
      {turn.error && <Notice tone="bad">{turn.error.message}</Notice>}
      <Tabs
        label={`About ${s.alias}`}
        value={tab}
        onChange={(v) => setTab(v === "overview" ? "" : v)}
        tabs={[
          { value: "overview", text: "Overview" },
          { value: "features", text: "Features", count: f.tools + f.prompts + f.resources + f.templates },
          { value: "try", text: "Try" },
          { value: "logs", text: "Logs" },
          { value: "configure", text: "Configure" },
          { value: "definition", text: "Definition" },
        ]}
      >
        <Part server={s} />
      </Tabs>
    </>
  );
}
