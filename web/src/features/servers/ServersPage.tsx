import { Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useServers } from "../../api/queries";
import type { Server } from "../../api/types.gen";
import { useParam } from "../../param";
import { useSpace } from "../../space";
import { stateWords } from "../../state";
import { Button, buttonClass } from "../../ui/Button";
import { Empty } from "../../ui/Empty";
import { SelectField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { SearchBox } from "../../ui/SearchBox";
import { useTitle } from "../../ui/useTitle";
import { VirtualList } from "../../ui/VirtualList";
import { ServerCard } from "./ServerCard";

/** ServersPage has the servers of the Space, with their state as it is. */
export function ServersPage() {
  useTitle("Servers");
  const space = useSpace();
  const { data: servers, error } = useServers(space?.id);
  return (
    <>
      <div className="flex flex-wrap items-center gap-3">
        <div className="mr-auto">
          <PageTitle>Servers</PageTitle>
        </div>
        <Link to="/servers/new" className={buttonClass("primary")}>
          <Plus aria-hidden className="size-4" />
          Add a server
        </Link>
      </div>
      {error && <Notice tone="bad">{error.message}</Notice>}
      {!servers && !error && <p className="text-muted">Looking up the servers …</p>}
      {servers?.length === 0 && (
        <Empty title={`No servers in ${space?.name ?? "this Space"}`}>
          <p>
            Add one by its address or its command, or paste the configuration of an application. Its tools show up here once it is
            connected.
          </p>
          <Link to="/servers/new" className={buttonClass("primary")}>
            Add a server
          </Link>
        </Empty>
      )}
      {servers && servers.length > 0 && <List servers={servers} />}
    </>
  );
}

function List({ servers }: { servers: Server[] }) {
  const [search, setSearch] = useParam("q");
  const [state, setState] = useParam("state");
  const needle = search.toLowerCase();
  const text = (s: Server) =>
    `${s.alias} ${s.definition.command ?? ""} ${s.definition.args?.join(" ") ?? ""} ${s.definition.url ?? ""}`.toLowerCase();
  const shown = servers.filter((s) => (!state || s.status.state === state) && text(s).includes(needle));
  const there = [...new Set(servers.map((s) => s.status.state))];
  return (
    <>
      <div className="flex flex-wrap items-end gap-3">
        <SearchBox label="Search servers" value={search} onChange={setSearch} />
        <div className="w-44">
          <SelectField
            label="State"
            value={state}
            onChange={setState}
            options={[{ value: "", text: "any" }, ...there.map((v) => ({ value: v, text: stateWords[v] }))]}
          />
        </div>
      </div>
      <p role="status" className="text-sm text-muted">
        {shown.length === servers.length
          ? `${servers.length} ${servers.length === 1 ? "server" : "servers"}`
          : `${shown.length} of ${servers.length} servers`}
      </p>
      {shown.length === 0 ? (
        <Empty title="No server is like that">
          <Button
            onClick={() => {
              setSearch("");
              setState("");
            }}
          >
            Show all
          </Button>
        </Empty>
      ) : (
        <VirtualList
          label="The servers"
          items={shown}
          keyOf={(s) => s.id}
          estimate={104}
          height="calc(100dvh - 15rem)"
          render={(s) => (
            <div className="pb-3">
              <ServerCard server={s} />
            </div>
          )}
        />
      )}
    </>
  );
}
