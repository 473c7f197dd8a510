import { del } from "../../api/client";
import { useAct, useSessions } from "../../api/queries";
import type { DashboardSession } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { Row, Table } from "../../ui/Table";

/** BrowsersCard lists who is logged in to the dashboard. */
export function BrowsersCard() {
  const { data, error } = useSessions();
  const everywhere = useAct(() => del(["sessions"]));
  const problem = error ?? everywhere.error;
  return (
    <Card
      title="Browsers logged in here"
      aside={
        <Button className="ml-auto" look="danger" onClick={() => everywhere.mutate()} disabled={everywhere.isPending}>
          Log out everywhere
        </Button>
      }
    >
      {problem && <Notice tone="bad">{problem.message}</Notice>}
      {data && (
        <Table label="Browsers" head={["Browser", "Since", "Last used", "Access"]}>
          {data.map((s) => (
            <BrowserRow key={s.id} session={s} />
          ))}
        </Table>
      )}
    </Card>
  );
}

function BrowserRow({ session: s }: { session: DashboardSession }) {
  const end = useAct(() => del(["sessions", s.id]));
  return (
    <Row
      name={
        <span className="break-words">
          {s.browser || "an unnamed browser"} {s.current && <small className="text-muted">(this one)</small>}
        </span>
      }
      cells={[
        new Date(s.created_at).toLocaleString(),
        new Date(s.used_at).toLocaleString(),
        <div key="access">
          <Button onClick={() => end.mutate()} disabled={end.isPending} aria-label={`Log out ${s.current ? "this browser" : s.browser}`}>
            Log out
          </Button>
          {end.error && <Notice tone="bad">{end.error.message}</Notice>}
        </div>,
      ]}
    />
  );
}
