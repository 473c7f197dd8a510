import { Link } from "@tanstack/react-router";
import { useServers } from "../../api/queries";
import { useSpace } from "../../space";
import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";
import { VirtualList } from "../../ui/VirtualList";

export function ServersPage() {
  useTitle("Servers");
  const servers = useServers(useSpace()?.id).data ?? [];
  return (
    <>
      <PageTitle>Servers</PageTitle>
      <VirtualList
        label="Servers"
        items={servers}
        keyOf={(s) => s.id}
        estimate={40}
        render={(s) => (
          <Link to="/servers/$alias" params={{ alias: s.alias }}>
            {s.alias}
          </Link>
        )}
      />
    </>
  );
}
