import { useNavigate } from "@tanstack/react-router";
import { useId, useState } from "react";
import { createSet, renameSet } from "../../api/featuresets";
import { useAct } from "../../api/queries";
import type { FeatureSet } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";

/** SetDialog makes a FeatureSet, or gives one another name, and goes to it. */
export function SetDialog({ space, set, onClose }: { space: string; set?: FeatureSet; onClose: () => void }) {
  const form = useId();
  const navigate = useNavigate();
  const [name, setName] = useState(set?.name ?? "");
  const save = useAct(async () => {
    const s = await (set ? renameSet(set, name.trim()) : createSet(space, name.trim()));
    onClose();
    await navigate({ to: "/featuresets/$name", params: { name: s.name }, replace: set !== undefined });
  });
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={set ? `Rename ${set.name}` : "New FeatureSet"}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} disabled={save.isPending || !name.trim()}>
            {save.isPending ? "Saving …" : set ? "Rename" : "Make it"}
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="flex flex-col gap-4"
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <TextField
          label={set ? "New name" : "Name"}
          value={name}
          onChange={setName}
          maxLength={100}
          placeholder="Only what reads"
          help={set ? "Clients keep it under its new name." : "It is empty at first. What is in it is chosen next."}
        />
        {save.error && <Notice tone="bad">{save.error.message}</Notice>}
      </form>
    </Dialog>
  );
}
