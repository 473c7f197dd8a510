import { lazy, Suspense } from "react";
import { useParam } from "../../param";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";

const ConnectApplication = lazy(() => import("../../connect/ConnectApplication").then((m) => ({ default: m.ConnectApplication })));

/** ConnectCard says what to do in an AI application so that it uses McpMux. */
export function ConnectCard() {
  const [open, setOpen] = useParam("connect");
  return (
    <Card
      title="Connect an application"
      aside={
        <Button className="ml-auto" aria-expanded={open !== ""} onClick={() => setOpen(open ? "" : "1")}>
          {open ? "Hide" : "Choose an application"}
        </Button>
      }
    >
      {open ? (
        <Suspense fallback={<p className="text-sm text-muted">Looking for applications …</p>}>
          <ConnectApplication />
        </Suspense>
      ) : (
        <p className="text-sm text-muted">
          Cursor, Claude, VS Code, Codex and others: what to paste, the command to run, or a link that does it.
        </p>
      )}
    </Card>
  );
}
