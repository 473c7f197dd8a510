import { useState } from "react";
import type { AccessKey, Client, CreatedKey } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Row, Table } from "../../ui/Table";
import { Time } from "../../ui/Time";
import { KeyActs } from "./KeyActs";
import { KeyOnce } from "./KeyOnce";
import { LoginsCard } from "./LoginsCard";
import { NewKeyDialog } from "./NewKeyDialog";

/** KeysTab has what a client proves itself by: access keys and logins. */
export function KeysTab({ client: c }: { client: Client }) {
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<CreatedKey>();
  return (
    <>
      <Card
        title="Access keys"
        aside={
          <Button className="ml-auto" onClick={() => setAdding(true)}>
            New key
          </Button>
        }
      >
        {c.keys.length === 0 ? (
          <p className="text-sm text-muted">It has none. An application that cannot log in by itself needs one.</p>
        ) : (
          <Table label="The access keys" head={["Key", "For", "Made", "Last used", "Ends", "What to do"]}>
            {c.keys.map((k) => (
              <Row
                key={k.id}
                name={<code>{k.hint}…</code>}
                cells={[
                  k.label ?? "",
                  <Time key="c" at={k.created_at} />,
                  <Time key="u" at={k.last_used} />,
                  ends(k),
                  <KeyActs key="a" client={c} of={k} onMade={setMade} />,
                ]}
              />
            ))}
          </Table>
        )}
      </Card>
      <LoginsCard client={c} />
      {adding && (
        <NewKeyDialog
          client={c}
          onClose={() => setAdding(false)}
          onMade={(k) => {
            setAdding(false);
            setMade(k);
          }}
        />
      )}
      {made && <KeyOnce secret={made.access_key} client={c.name} onClose={() => setMade(undefined)} />}
    </>
  );
}

const ends = (k: AccessKey) => (k.expires_at ? <Time key="e" at={k.expires_at} /> : "when revoked");
