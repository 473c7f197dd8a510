import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { deny, letIn, removeClient, renameClient } from "../../api/clients";
import { useAct } from "../../api/queries";
import type { Client } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { TextField } from "../../ui/Field";
import { FormDialog } from "../../ui/FormDialog";
import { Menu } from "../../ui/Menu";
import { Notice } from "../../ui/Notice";
import { plural } from "../../ui/plural";
import { useToast } from "../../ui/Toast";

/** ClientMenu is what can be done with a client as a whole. */
export function ClientMenu({ client: c }: { client: Client }) {
  const toast = useToast();
  const [open, setOpen] = useState<"" | "rename" | "remove">("");
  const again = useAct(() => letIn(c));
  const shut = useAct(() => deny(c));
  const out = () => shut.mutate(undefined, { onSuccess: () => toast({ text: `${c.name} is not let in any more.`, undo: again.mutate }) });
  const problem = again.error ?? shut.error;
  return (
    <>
      {problem && <Notice tone="bad">{problem.message}</Notice>}
      {c.approved ? (
        <Button look="danger" disabled={shut.isPending} onClick={out}>
          Deny
        </Button>
      ) : (
        <Button look="primary" disabled={again.isPending} onClick={() => again.mutate()}>
          Let in again
        </Button>
      )}
      <Menu
        label={`More about ${c.name}`}
        items={[
          { text: "Rename …", onSelect: () => setOpen("rename") },
          { text: "Remove …", onSelect: () => setOpen("remove"), danger: true },
        ]}
      />
      {open === "rename" && <Rename client={c} onClose={() => setOpen("")} />}
      <Remove client={c} open={open === "remove"} onOpenChange={(v) => setOpen(v ? "remove" : "")} />
    </>
  );
}

function Rename({ client: c, onClose }: { client: Client; onClose: () => void }) {
  const navigate = useNavigate();
  const [name, setName] = useState(c.name);
  const save = useAct(async () => {
    const made = await renameClient(c, name.trim());
    onClose();
    await navigate({ to: "/clients/$name", params: { name: made.name }, replace: true }); // the old name finds nobody now
  });
  return (
    <FormDialog
      title={`Rename ${c.name}`}
      action="Rename"
      ready={name.trim() !== ""}
      busy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <TextField label="New name" value={name} onChange={setName} maxLength={100} help="Its keys, logins and grants stay." />
    </FormDialog>
  );
}

function Remove({ client: c, open, onOpenChange }: { client: Client; open: boolean; onOpenChange: (v: boolean) => void }) {
  const navigate = useNavigate();
  const toast = useToast();
  const remove = useAct(async () => {
    await removeClient(c);
    onOpenChange(false);
    toast({ text: `${c.name} is removed.` });
    await navigate({ to: "/clients" }); // before this page is read anew, which is of nobody then
  });
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      title={`Remove ${c.name}?`}
      action="Remove"
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
    >
      <p>What it has open ends at once, and with it go:</p>
      <ul className="list-disc pl-5">
        <li>{plural(c.keys.length, "access key")}</li>
        <li>{plural(c.authorizations.length, "login")}: it has to ask to be let in again</li>
        <li>{plural(c.grants.length, "grant")}</li>
      </ul>
      <p>The record of what it called stays.</p>
    </Confirm>
  );
}
