import { Link } from "@tanstack/react-router";
import { useClient } from "../../api/clients";
import type { Client } from "../../api/types.gen";
import { useParam } from "../../param";
import { Badge } from "../../ui/Badge";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { Tabs } from "../../ui/Tabs";
import { Time } from "../../ui/Time";
import { useTitle } from "../../ui/useTitle";
import { AccessTab } from "./AccessTab";
import { ClientMenu } from "./ClientMenu";
import { KeysTab } from "./KeysTab";
import { SeesTab } from "./SeesTab";
import { modeText, presence, provesBy } from "./words";

const tabs = { access: AccessTab, sees: SeesTab, keys: KeysTab };

/** ClientPage is everything about one client. */
export function ClientPage({ name }: { name: string }) {
  useTitle(name);
  const { data: client, error } = useClient(name);
  if (client?.id) return <Shown client={client} />;
  return (
    <>
      <PageTitle>{name}</PageTitle>
      {client && <p>It waits to be let in, and is no client before that.</p>}
      {error && (
        <Notice tone="bad">
          {error.message}.{" "}
          <Link to="/clients" className="underline">
            All clients
          </Link>
        </Notice>
      )}
      {!client && !error && <p className="text-muted">Looking up the client …</p>}
    </>
  );
}

function Shown({ client: c }: { client: Client }) {
  const [param, setTab] = useParam("tab");
  const tab = param in tabs ? (param as keyof typeof tabs) : "access";
  const Part = tabs[tab];
  const here = presence(c);
  return (
    <>
      <div>
        <div className="flex flex-wrap items-center gap-3">
          <PageTitle>
            <bdi>{c.name}</bdi>
          </PageTitle>
          <span className="mr-auto">
            <Badge tone={here.tone}>{here.text}</Badge>
          </span>
          <ClientMenu client={c} />
        </div>
        <p className="mt-1 text-sm text-muted">
          {modeText(c.mode)} · {c.space ? `in ${c.space}` : "in no Space"} · proves who it is by {provesBy(c)} · seen{" "}
          <Time at={c.last_seen} />
        </p>
      </div>
      {c.approved && !c.space && <Notice tone="warn">Its Space was deleted, so it sees nothing. Choose another for it below.</Notice>}
      <Tabs
        label={`About ${c.name}`}
        value={tab}
        onChange={(v) => setTab(v === "access" ? "" : v)}
        tabs={[
          { value: "access", text: "Access" },
          { value: "sees", text: "What it sees" },
          { value: "keys", text: "Keys and logins", count: c.keys.length + c.authorizations.length },
        ]}
      >
        <Part client={c} />
      </Tabs>
    </>
  );
}
