import { useState } from "react";
import { useAct } from "../../api/queries";
import { createSpace, patchSpace } from "../../api/spaces";
import type { Space } from "../../api/types.gen";
import { TextField } from "../../ui/Field";
import { FormDialog } from "../../ui/FormDialog";
import { useToast } from "../../ui/Toast";

// A few to begin with; any other can be typed.
const suggestions = [
  ["🏠", "house"],
  ["💼", "briefcase"],
  ["🧪", "test tube"],
  ["🚀", "rocket"],
  ["🎨", "palette"],
  ["📚", "books"],
  ["🔒", "lock"],
  ["🌱", "seedling"],
] as const;

/** SpaceDialog makes a Space, or changes the name and icon of one. */
export function SpaceDialog({ space, onClose }: { space?: Space; onClose: () => void }) {
  const toast = useToast();
  const [name, setName] = useState(space?.name ?? "");
  const [icon, setIcon] = useState(space?.icon ?? "");
  const save = useAct(() =>
    space ? patchSpace(space.id, { name: name.trim(), icon: icon.trim() }) : createSpace({ name: name.trim(), icon: icon.trim() }),
  );
  return (
    <FormDialog
      title={space ? `Change ${space.name}` : "New Space"}
      action={space ? "Save" : "Make it"}
      ready={name.trim() !== ""}
      busy={save.isPending}
      error={save.error}
      onSubmit={() =>
        save.mutate(undefined, {
          onSuccess: (s) => {
            toast({ text: space ? `${s.name} is saved.` : `${s.name} is made. It is not the active Space yet.` });
            onClose();
          },
        })
      }
      onClose={onClose}
    >
      <TextField label="Name" value={name} onChange={setName} maxLength={100} placeholder="Work" />
      <TextField label="Icon" help="An emoji, or up to four letters. It may be empty." value={icon} onChange={setIcon} maxLength={32} />
      <fieldset className="flex flex-wrap gap-1">
        <legend className="sr-only">Icons to choose from</legend>
        {suggestions.map(([emoji, word]) => (
          <button
            key={emoji}
            type="button"
            aria-label={word}
            aria-pressed={icon === emoji}
            className="size-9 rounded-lg text-lg hover:bg-raised aria-pressed:bg-raised"
            onClick={() => setIcon(icon === emoji ? "" : emoji)}
          >
            {emoji}
          </button>
        ))}
      </fieldset>
    </FormDialog>
  );
}
