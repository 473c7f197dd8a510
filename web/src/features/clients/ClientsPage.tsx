import { Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { letIn } from "../../api/clients";
import { useAct, useClients } from "../../api/queries";
import type { Client } from "../../api/types.gen";
import { useParam } from "../../param";
import { Badge } from "../../ui/Badge";
import { Button, buttonClass } from "../../ui/Button";
import { Empty } from "../../ui/Empty";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { SearchBox } from "../../ui/SearchBox";
import { Time } from "../../ui/Time";
import { useTitle } from "../../ui/useTitle";
import { VirtualList } from "../../ui/VirtualList";
import { NewClientDialog } from "./NewClientDialog";
import { modeText, presence, provesBy } from "./words";

/** ClientsPage has the clients, those first that are here. Who waits to be let in is above, as on every page. */
export function ClientsPage() {
  useTitle("Clients");
  const { data, error } = useClients();
  const [making, setMaking] = useState(false);
  const [search, setSearch] = useParam("q");
  const clients = data?.filter((c) => c.id !== "").toSorted(byPresence);
  const shown = clients?.filter((c) => `${c.name} ${c.space}`.toLowerCase().includes(search.toLowerCase()));
  return (
    <>
      <div className="flex flex-wrap items-center gap-3">
        <div className="mr-auto">
          <PageTitle>Clients</PageTitle>
        </div>
        <Button look="primary" onClick={() => setMaking(true)}>
          <Plus aria-hidden className="size-4" />
          New client with a key
        </Button>
      </div>
      {error && <Notice tone="bad">{error.message}</Notice>}
      {!clients && !error && <p className="text-muted">Looking up the clients …</p>}
      {clients?.length === 0 && (
        <Empty title="No clients yet">
          <p>
            Paste the address of the gateway into an application that can log in: it opens a page here, where you let it in. One that cannot
            log in gets an access key.
          </p>
          <Link to="/welcome" className={buttonClass()}>
            Connect an application
          </Link>
        </Empty>
      )}
      {clients && clients.length > 0 && (
        <>
          <div className="flex">
            <SearchBox label="Search clients" value={search} onChange={setSearch} />
          </div>
          <VirtualList
            label="The clients"
            items={shown ?? []}
            keyOf={(c) => c.id}
            estimate={84}
            height="calc(100dvh - 14rem)"
            render={(c) => <Line client={c} />}
          />
          {shown?.length === 0 && <p className="text-sm text-muted">No client is called so.</p>}
        </>
      )}
      {making && <NewClientDialog onClose={() => setMaking(false)} />}
    </>
  );
}

function byPresence(a: Client, b: Client): number {
  return (
    Number(b.connected > 0) - Number(a.connected > 0) ||
    (b.last_seen ?? "").localeCompare(a.last_seen ?? "") ||
    a.name.localeCompare(b.name)
  );
}

function Line({ client: c }: { client: Client }) {
  const here = presence(c);
  const again = useAct(() => letIn(c));
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-1 py-3 text-sm">
      <Link to="/clients/$name" params={{ name: c.name }} className="font-medium break-words hover:underline">
        <bdi>{c.name}</bdi>
      </Link>
      <Badge tone={here.tone}>{here.text}</Badge>
      <span className="ml-auto text-xs text-muted">
        {c.last_seen && (
          <>
            seen <Time at={c.last_seen} />
          </>
        )}
      </span>
      {!c.approved && (
        <Button aria-label={`Let in again: ${c.name}`} disabled={again.isPending} onClick={() => again.mutate()}>
          Let in again
        </Button>
      )}
      <p className="w-full text-xs break-words text-muted">
        {modeText(c.mode)} · {c.space ? `in ${c.space}` : "in no Space"} · by {provesBy(c)}
      </p>
      {again.error && <Notice tone="bad">{again.error.message}</Notice>}
    </div>
  );
}
