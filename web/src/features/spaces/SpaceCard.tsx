import { Link } from "@tanstack/react-router";
import { useId, useState } from "react";
import { useAct } from "../../api/queries";
import { activateSpace } from "../../api/spaces";
import type { Space } from "../../api/types.gen";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Menu } from "../../ui/Menu";
import { Notice } from "../../ui/Notice";
import { plural } from "../../ui/plural";
import { useToast } from "../../ui/Toast";
import { DeleteSpace } from "./DeleteSpace";
import { SpaceDialog } from "./SpaceDialog";

/** SpaceCard is one Space: how much is in it, and what can be done with it. */
export function SpaceCard({ space: s }: { space: Space }) {
  const id = useId();
  const toast = useToast();
  const [open, setOpen] = useState<"" | "edit" | "delete">("");
  const activate = useAct(() => activateSpace(s.id));
  const there = { space: s.active ? undefined : s.id };
  return (
    <article aria-labelledby={id} className="flex h-full flex-col gap-4 rounded-xl border border-line bg-surface p-4">
      <div className="flex items-center gap-3">
        <SpaceIcon space={s} />
        <h2 id={id} className="mr-auto min-w-0 text-base font-semibold break-words">
          <bdi>{s.name}</bdi>
        </h2>
        <Menu
          label={`More about ${s.name}`}
          items={[
            { text: "Name and icon …", onSelect: () => setOpen("edit") },
            { text: "Delete …", onSelect: () => setOpen("delete"), danger: true, disabled: s.default },
          ]}
        />
      </div>
      {(s.active || s.default) && (
        <p className="flex gap-2">
          {s.active && <Badge tone="good">active</Badge>}
          {s.default && <Badge tone="quiet">default</Badge>}
        </p>
      )}
      <ul className="flex flex-wrap gap-x-4 gap-y-1 text-sm">
        <li>
          <Link to="/servers" search={there} className="text-accent hover:underline">
            {plural(s.counts.servers, "server")}
          </Link>
        </li>
        <li>
          <Link to="/featuresets" search={there} className="text-accent hover:underline">
            {plural(s.counts.feature_sets, "FeatureSet")}
          </Link>
        </li>
        <li>
          <Link to="/clients" className="text-accent hover:underline">
            {plural(s.counts.clients, "client")} in it now
          </Link>
        </li>
      </ul>
      {activate.error && <Notice tone="bad">{activate.error.message}</Notice>}
      {!s.active && (
        <Button
          className="mt-auto self-start"
          aria-label={`Make active: ${s.name}`}
          disabled={activate.isPending}
          onClick={() => activate.mutate(undefined, { onSuccess: () => toast({ text: `${s.name} is the active Space.` }) })}
        >
          {activate.isPending ? "Making it active …" : "Make active"}
        </Button>
      )}
      {open === "edit" && <SpaceDialog space={s} onClose={() => setOpen("")} />}
      <DeleteSpace space={s} open={open === "delete"} onOpenChange={(v) => setOpen(v ? "delete" : "")} />
    </article>
  );
}

/** SpaceIcon is what a Space is shown with: its icon, or else the first letter of its name. */
function SpaceIcon({ space: s }: { space: Space }) {
  return (
    <span aria-hidden className="flex size-10 shrink-0 items-center justify-center overflow-hidden rounded-lg bg-raised text-lg">
      <bdi>{s.icon || [...s.name][0]?.toUpperCase()}</bdi>
    </span>
  );
}
