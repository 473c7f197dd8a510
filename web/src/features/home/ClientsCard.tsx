import { Link } from "@tanstack/react-router";
import { useClients } from "../../api/queries";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { Time } from "../../ui/Time";

const most = 8; // the page about clients has them all

/** ClientsCard shows the clients, those first that were seen last. */
export function ClientsCard() {
  const { data, error } = useClients();
  const clients = data?.filter((c) => c.id !== ""); // the others are no clients yet, and wait above
  const shown = clients?.toSorted((a, b) => (b.last_seen ?? "").localeCompare(a.last_seen ?? "")).slice(0, most);
  return (
    <Card
      title="Clients"
      aside={
        <Link to="/clients" className="ml-auto text-sm text-accent hover:underline">
          All clients
        </Link>
      }
    >
      {error && <Notice tone="bad">{error.message}</Notice>}
      {clients?.length === 0 && (
        <p className="text-sm text-muted">There are none yet: paste the address of the gateway into an application.</p>
      )}
      <ul className="flex flex-col divide-y divide-line">
        {shown?.map((c) => (
          <li key={c.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 py-2 text-sm">
            <Link to="/clients/$name" params={{ name: c.name }} className="mr-auto truncate font-medium hover:underline">
              <bdi>{c.name}</bdi>
            </Link>
            <span className="text-xs whitespace-nowrap text-muted">
              {c.space || "no Space"} · seen <Time at={c.last_seen} />
            </span>
            {!c.approved && <Badge tone="warn">not approved</Badge>}
          </li>
        ))}
      </ul>
    </Card>
  );
}
