import { Link } from "@tanstack/react-router";
import { useServers } from "../../api/queries";
import { useSpace } from "../../space";
import { stateTones, stateWords } from "../../state";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";

const most = 8; // the page about servers has them all

/** ServersCard shows the servers of the Space, those first that do not work. */
export function ServersCard() {
  const { data: servers, error } = useServers(useSpace()?.id);
  const order = ["error", "login_required", "connecting", "connected", "idle", "stopped", "disabled"];
  const shown = servers?.toSorted((a, b) => order.indexOf(a.status.state) - order.indexOf(b.status.state)).slice(0, most);
  return (
    <Card
      title="Servers"
      aside={
        <Link to="/servers" className="ml-auto text-sm text-accent hover:underline">
          All servers
        </Link>
      }
    >
      {error && <Notice tone="bad">{error.message}</Notice>}
      {servers?.length === 0 && (
        <p className="text-sm text-muted">
          There are none in this Space.{" "}
          <Link to="/servers/new" className="text-accent underline">
            Add one
          </Link>
        </p>
      )}
      <ul className="flex flex-col divide-y divide-line">
        {shown?.map((s) => (
          <li key={s.id} className="flex items-center gap-3 py-2 text-sm">
            <Link to="/servers/$alias" params={{ alias: s.alias }} className="mr-auto truncate font-medium hover:underline">
              {s.alias}
            </Link>
            <span className="text-xs whitespace-nowrap text-muted">{s.features.tools} tools</span>
            <Badge tone={stateTones[s.status.state]}>{stateWords[s.status.state]}</Badge>
          </li>
        ))}
      </ul>
    </Card>
  );
}
