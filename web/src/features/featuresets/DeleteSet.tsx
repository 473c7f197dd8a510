import { useNavigate } from "@tanstack/react-router";
import { deleteSet } from "../../api/featuresets";
import { useAct } from "../../api/queries";
import type { FeatureSet } from "../../api/types.gen";
import { Confirm } from "../../ui/Confirm";
import { useToast } from "../../ui/Toast";

/** DeleteSet asks before a FeatureSet is deleted, and says who notices. */
export function DeleteSet({ set: s, open, onOpenChange }: { set: FeatureSet; open: boolean; onOpenChange: (v: boolean) => void }) {
  const navigate = useNavigate();
  const toast = useToast();
  const remove = useAct(async () => {
    await deleteSet(s);
    onOpenChange(false);
    toast({ text: `${s.name} is deleted.` });
    await navigate({ to: "/featuresets", ignoreBlocker: true }); // before this page is read anew, which is of nothing then
  });
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      title={`Delete ${s.name}?`}
      action="Delete"
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
    >
      {s.granted_to.length > 0 ? (
        <p>
          These clients lose what it gives them, and see again what it excludes where another set has that:{" "}
          <strong>{s.granted_to.join(", ")}</strong>.
        </p>
      ) : (
        <p>No client was granted it.</p>
      )}
      {s.member_of.length > 0 && (
        <p>
          It goes from the sets that it is a part of: <strong>{s.member_of.join(", ")}</strong>.
        </p>
      )}
      <p>What the servers offer stays as it is.</p>
    </Confirm>
  );
}
