import { post } from "../../api/client";
import { useAct, useClients } from "../../api/queries";
import type { Client } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { Row, Table } from "../../ui/Table";

export function ClientsCard() {
  const { data, error } = useClients();
  const clients = data?.filter((c) => c.id !== ""); // the others are no clients yet, and wait above
  return (
    <Card title="Clients">
      {error && <Notice tone="bad">{error.message}</Notice>}
      {clients?.length === 0 && <p className="text-muted">There are none yet: paste the address of the gateway into an application.</p>}
      {clients && clients.length > 0 && (
        <Table label="Clients" head={["Client", "Space", "Last seen", "Access"]}>
          {clients.map((c) => (
            <ClientRow key={c.id} client={c} />
          ))}
        </Table>
      )}
    </Card>
  );
}

function ClientRow({ client: c }: { client: Client }) {
  const verb = c.approved ? "deny" : "approve";
  const text = c.approved ? "Deny" : "Approve";
  const turn = useAct(() => post(["clients", c.id, verb]));
  return (
    <Row
      name={<bdi>{c.name}</bdi>}
      cells={[
        <span key="space">
          {c.space || "(deleted)"} <small className="text-muted">{c.mode}</small>
        </span>,
        c.last_seen ? new Date(c.last_seen).toLocaleString() : "never",
        <div key="access">
          <Button onClick={() => turn.mutate()} disabled={turn.isPending} aria-label={`${text} ${c.name}`}>
            {text}
          </Button>
          {turn.error && <Notice tone="bad">{turn.error.message}</Notice>}
        </div>,
      ]}
    />
  );
}
