import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { took } from "../../api/activity";
import type { Activity } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { Dialog } from "../../ui/Dialog";
import type { Filters } from "./filter";
import { decision, outcomeWords } from "./words";

/** CallDialog has everything that is recorded of a request, and narrows the list to what is like it. */
export function CallDialog({
  call: c,
  onClose,
  onNarrow,
}: {
  call: Activity | undefined;
  onClose: () => void;
  onNarrow: (f: Partial<Filters>) => void;
}) {
  if (!c) return null;
  const link = "text-accent underline";
  const facts: [string, ReactNode][] = [
    ["When", new Date(c.at).toLocaleString()],
    [
      "Client",
      c.client ? (
        <Link key="client" to="/clients/$name" params={{ name: c.client }} className={link}>
          {c.client}
        </Link>
      ) : (
        c.client_id && `gone (${c.client_id})`
      ),
    ],
    ["Who", c.actor],
    ["Space", c.space || (c.space_id && `gone (${c.space_id})`)],
    [
      "Server",
      c.server && (
        <Link key="server" to="/servers/$alias" params={{ alias: c.server }} search={{ space: c.space_id }} className={link}>
          {c.server}
        </Link>
      ),
    ],
    ["Method", c.method],
    ["Name", c.name],
    ["Decision", c.decision],
    ["Outcome", outcomeWords[c.outcome] ?? c.outcome],
    ["Code", c.code ? String(c.code) : ""],
    ["Duration", decision(c.method) || c.decision === "denied" ? "" : took(c.duration)],
    ["Detail", c.detail],
  ];
  const narrow = (f: Partial<Filters>) => {
    onNarrow(f);
    onClose();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={c.name || c.method}
      footer={
        <>
          {c.client_id && <Button onClick={() => narrow({ client: c.client_id })}>Only this client</Button>}
          {c.server && <Button onClick={() => narrow({ server: c.server ?? "" })}>Only this server</Button>}
          <CopyButton text={JSON.stringify(c, null, 2)} label="Copy as JSON">
            Copy as JSON
          </CopyButton>
        </>
      }
    >
      <dl className="grid grid-cols-[6rem_minmax(0,1fr)] gap-x-3 gap-y-2 text-sm">
        {facts.map(
          ([name, value]) =>
            value && (
              <div key={name} className="contents">
                <dt className="text-muted">{name}</dt>
                <dd className="break-words">{value}</dd>
              </div>
            ),
        )}
      </dl>
    </Dialog>
  );
}
