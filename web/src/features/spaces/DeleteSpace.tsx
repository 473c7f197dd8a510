import { useNavigate } from "@tanstack/react-router";
import { useAct } from "../../api/queries";
import { deleteSpace, useDeletion } from "../../api/spaces";
import type { DeletionEffect, Space, SpaceDeletion } from "../../api/types.gen";
import { Confirm } from "../../ui/Confirm";
import { Notice } from "../../ui/Notice";
import { plural } from "../../ui/plural";
import { useToast } from "../../ui/Toast";

/** DeleteSpace asks before a Space is deleted, and spells out what goes with it. */
export function DeleteSpace({ space: s, open, onOpenChange }: { space: Space; open: boolean; onOpenChange: (v: boolean) => void }) {
  const toast = useToast();
  const navigate = useNavigate();
  const { data: goes, error } = useDeletion(s.id, open);
  const remove = useAct(async () => {
    await deleteSpace(s.id);
    // All of it now: this card is gone once the Spaces are read anew.
    onOpenChange(false);
    toast({ text: `${s.name} is deleted.` });
    await navigate({ to: "/spaces", search: { space: undefined } }); // it may be the one that is looked at
  });
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      title={`Delete ${s.name}?`}
      action="Delete for good"
      type={s.name}
      busy={remove.isPending || !goes || Boolean(goes.refused)}
      error={remove.error ?? error}
      onConfirm={() => remove.mutate()}
    >
      {!goes && !error && <p className="text-muted">Looking up what is in it …</p>}
      {goes && <Goes goes={goes} />}
    </Confirm>
  );
}

function Goes({ goes }: { goes: SpaceDeletion }) {
  const named = (n: number, noun: string, names: string[]) =>
    names.length > 0 ? `${plural(n, noun)}: ${names.join(", ")}` : plural(n, noun);
  return (
    <>
      {goes.refused && <Notice tone="warn">{goes.refused}</Notice>}
      <p>This cannot be taken back. With it are destroyed:</p>
      <ul className="list-disc pl-5 break-words">
        <li>
          {named(
            goes.servers.length,
            "server",
            goes.servers.map((s) => s.alias),
          )}
        </li>
        <li>{plural(goes.secrets, "stored secret")}</li>
        <li>{plural(goes.logins, "login")}</li>
        <li>{named(goes.feature_sets.length, "FeatureSet", goes.feature_sets)}</li>
        <li>{plural(goes.grants, "grant")}</li>
      </ul>
      {goes.clients.length > 0 && (
        <ul className="list-disc pl-5">
          {goes.clients.map((c) => (
            <li key={c.client}>
              <bdi className="font-medium">{c.client}</bdi> {effect(c, goes.next_active)}
            </li>
          ))}
        </ul>
      )}
      {goes.next_active && (
        <p>
          It is the active Space: <bdi className="font-medium">{goes.next_active}</bdi> becomes active.
        </p>
      )}
    </>
  );
}

function effect(c: DeletionEffect, next = ""): string {
  if (c.effect === "strands")
    return `is ${c.mode === "locked" ? "locked to it" : "in it"}, and sees nothing until you give it another Space`;
  if (c.effect === "moves") return `follows the active Space, and goes on in ${next}`;
  return `loses ${plural(c.grants, "grant")} there`;
}
