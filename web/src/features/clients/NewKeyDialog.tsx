import { useState } from "react";
import { createKey } from "../../api/clients";
import { useAct } from "../../api/queries";
import type { Client, CreatedKey } from "../../api/types.gen";
import { SelectField, TextField } from "../../ui/Field";
import { FormDialog } from "../../ui/FormDialog";
import { lives } from "./words";

/** NewKeyDialog makes another access key of a client. */
export function NewKeyDialog({ client: c, onClose, onMade }: { client: Client; onClose: () => void; onMade: (k: CreatedKey) => void }) {
  const [label, setLabel] = useState("");
  const [life, setLife] = useState("");
  const create = useAct(() => createKey(c, { label: label.trim(), ...(life && { expires_in: life }) }));
  return (
    <FormDialog
      title={`New access key of ${c.name}`}
      action="Make the key"
      busy={create.isPending}
      error={create.error}
      onSubmit={() => create.mutate(undefined, { onSuccess: onMade })}
      onClose={onClose}
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
    </FormDialog>
  );
}
