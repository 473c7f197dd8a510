import { useNavigate } from "@tanstack/react-router";
import { useAct } from "../../api/queries";
import { removeServer } from "../../api/servers";
import type { Server } from "../../api/types.gen";
import { Confirm } from "../../ui/Confirm";
import { useToast } from "../../ui/Toast";

/** Remove asks before a server is removed, and says what goes with it. */
export function Remove({ server: s, open, onOpenChange }: { server: Server; open: boolean; onOpenChange: (v: boolean) => void }) {
  const navigate = useNavigate();
  const toast = useToast();
  // The page of what is gone is left before anything is read anew.
  const remove = useAct(async () => {
    await removeServer(s);
    await navigate({ to: "/servers" });
    toast({ text: `${s.alias} is removed.` });
  });
  const values = s.values.map((v) => v.name).join(", ");
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      title={`Remove ${s.alias} from ${s.space}?`}
      action="Remove"
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
    >
      <p>Clients lose its {s.features.tools} tools at once. What is stored for it is destroyed:</p>
      <ul className="list-disc pl-5">
        <li>{values ? `its values: ${values}` : "it has no stored values"}</li>
        {s.logged_in && <li>its login at {new URL(s.logged_in.issuer).host}, which is ended there too where that can be</li>}
        <li>its definition; FeatureSets keep its name, for when it is added again</li>
      </ul>
    </Confirm>
  );
}
