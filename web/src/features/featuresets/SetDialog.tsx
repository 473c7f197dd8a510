import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { createSet, renameSet } from "../../api/featuresets";
import { useAct } from "../../api/queries";
import type { FeatureSet } from "../../api/types.gen";
import { TextField } from "../../ui/Field";
import { FormDialog } from "../../ui/FormDialog";

/** SetDialog makes a FeatureSet, or gives one another name, and goes to it. */
export function SetDialog({ space, set, onClose }: { space: string; set?: FeatureSet; onClose: () => void }) {
  const navigate = useNavigate();
  const [name, setName] = useState(set?.name ?? "");
  const save = useAct(async () => {
    const s = await (set ? renameSet(set, name.trim()) : createSet(space, name.trim()));
    onClose();
    await navigate({ to: "/featuresets/$name", params: { name: s.name }, replace: set !== undefined });
  });
  return (
    <FormDialog
      title={set ? `Rename ${set.name}` : "New FeatureSet"}
      action={set ? "Rename" : "Make it"}
      ready={name.trim() !== ""}
      busy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <TextField
        label={set ? "New name" : "Name"}
        value={name}
        onChange={setName}
        maxLength={100}
        placeholder="Only what reads"
        help={set ? "Clients keep it under its new name." : "It is empty at first. What is in it is chosen next."}
      />
    </FormDialog>
  );
}
