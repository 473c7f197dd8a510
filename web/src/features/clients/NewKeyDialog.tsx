import { useId, useState } from "react";
import { createKey } from "../../api/clients";
import { useAct } from "../../api/queries";
import type { Client, CreatedKey } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { SelectField, TextField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { lives } from "./words";

/** NewKeyDialog makes another access key of a client. */
export function NewKeyDialog({ client: c, onClose, onMade }: { client: Client; onClose: () => void; onMade: (k: CreatedKey) => void }) {
  const form = useId();
  const [label, setLabel] = useState("");
  const [life, setLife] = useState("");
  const create = useAct(() => createKey(c, { label: label.trim(), ...(life && { expires_in: life }) }));
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={`New access key of ${c.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} disabled={create.isPending}>
            {create.isPending ? "Making it …" : "Make the key"}
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="flex flex-col gap-4"
        onSubmit={(e) => {
          e.preventDefault();
          create.mutate(undefined, { onSuccess: onMade });
        }}
      >
        <TextField
          label="What it is for"
          value={label}
          onChange={setLabel}
          maxLength={100}
          placeholder="Laptop"
          help="So that you know it again. It may be empty."
        />
        <SelectField label="How long it is good" value={life} options={lives} onChange={setLife} />
        {create.error && <Notice tone="bad">{create.error.message}</Notice>}
      </form>
    </Dialog>
  );
}
