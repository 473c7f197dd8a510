import { useState } from "react";
import { logOutClient } from "../../api/clients";
import { useAct } from "../../api/queries";
import type { Client } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Confirm } from "../../ui/Confirm";
import { Row, Table } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { useToast } from "../../ui/Toast";

/** LoginsCard has the logins of a client: each one time that it was let in. */
export function LoginsCard({ client: c }: { client: Client }) {
  const [open, setOpen] = useState(false);
  const toast = useToast();
  const out = useAct(() => logOutClient(c));
  return (
    <Card
      title="Logins"
      aside={
        c.authorizations.length > 0 && (
          <Button look="danger" className="ml-auto" onClick={() => setOpen(true)}>
            Log it out
          </Button>
        )
      }
    >
      {c.authorizations.length === 0 ? (
        <p className="text-sm text-muted">It has none. An application that logs in by itself shows up here.</p>
      ) : (
        <Table label="The logins" head={["Answer went to", "For", "Since", "Last used", "Ends"]}>
          {c.authorizations.map((l) => (
            <Row
              key={l.id}
              name={l.redirect_host}
              cells={[
                l.alias ? `the server ${l.alias}` : "every server",
                <Time key="c" at={l.created_at} />,
                <Time key="u" at={l.last_used} />,
                <Time key="e" at={l.expires_at} />,
              ]}
            />
          ))}
        </Table>
      )}
      <Confirm
        open={open}
        onOpenChange={setOpen}
        title={`Log ${c.name} out?`}
        action="Log it out"
        busy={out.isPending}
        error={out.error}
        onConfirm={() =>
          out.mutate(undefined, {
            onSuccess: () => {
              setOpen(false);
              toast({ text: `${c.name} has to ask to be let in again.` });
            },
          })
        }
      >
        <p>Its tokens end at once, and it has to ask to be let in again. Its access keys and grants stay.</p>
      </Confirm>
    </Card>
  );
}
