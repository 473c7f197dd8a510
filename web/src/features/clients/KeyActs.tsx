import { useState } from "react";
import { revokeKey, rotateKey } from "../../api/clients";
import { useAct } from "../../api/queries";
import type { AccessKey, Client, CreatedKey } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { SelectField } from "../../ui/Field";
import { useToast } from "../../ui/Toast";

/** KeyActs is what can be done with an access key. */
export function KeyActs({ client: c, of: k, onMade }: { client: Client; of: AccessKey; onMade: (k: CreatedKey) => void }) {
  const toast = useToast();
  const [open, setOpen] = useState<"" | "rotate" | "revoke">("");
  // What comes after is done at once: the row is gone when the keys are read anew.
  const revoke = useAct(async () => {
    await revokeKey(c, k);
    toast({ text: `The key ${k.hint}… is revoked.` });
  });
  const [grace, setGrace] = useState("0s");
  const rotate = useAct(async () => {
    const made = await rotateKey(c, k, { grace });
    setOpen("");
    onMade(made);
  });
  const close = (v: boolean) => !v && setOpen("");
  return (
    <span className="flex flex-wrap gap-2">
      <Button aria-label={`Rotate ${k.hint}`} onClick={() => setOpen("rotate")}>
        Rotate
      </Button>
      <Button look="danger" aria-label={`Revoke ${k.hint}`} onClick={() => setOpen("revoke")}>
        Revoke
      </Button>
      <Confirm
        open={open === "revoke"}
        onOpenChange={close}
        title={`Revoke ${k.hint}…?`}
        action="Revoke"
        busy={revoke.isPending}
        error={revoke.error}
        onConfirm={() => revoke.mutate()}
      >
        <p>Whatever uses it is refused from now on, and what it has open ends.</p>
      </Confirm>
      <Confirm
        open={open === "rotate"}
        onOpenChange={close}
        title={`Make a key in place of ${k.hint}…?`}
        action="Rotate"
        busy={rotate.isPending}
        error={rotate.error}
        onConfirm={() => rotate.mutate()}
      >
        <p>The new one lives as long as this one was to. Give it to the application before this one ends.</p>
        <SelectField
          label="This one ends"
          value={grace}
          onChange={setGrace}
          options={[
            { value: "0s", text: "at once" },
            { value: "1h", text: "in an hour" },
            { value: "24h", text: "in a day" },
            { value: "168h", text: "in a week" },
          ]}
        />
      </Confirm>
    </span>
  );
}
