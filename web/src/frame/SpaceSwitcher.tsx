import { useNavigate } from "@tanstack/react-router";
import { ChevronsUpDown } from "lucide-react";
import { post } from "../api/client";
import { useAct, useSpaces } from "../api/queries";
import { useSpace } from "../space";
import { Button } from "../ui/Button";
import { Menu } from "../ui/Menu";
import { Notice } from "../ui/Notice";

/** SpaceSwitcher chooses the Space that the pages show. Which one clients use is another thing, and is not changed by it. */
export function SpaceSwitcher() {
  const space = useSpace();
  const spaces = useSpaces().data ?? [];
  const navigate = useNavigate();
  return (
    <Menu
      label={`${space?.name ?? "…"} ${space?.active ? "active" : ""}, the Space shown`}
      items={[
        ...spaces.map((s) => ({
          text: s.active ? `${s.name} (active)` : s.name,
          onSelect: () => void navigate({ to: ".", search: { space: s.active ? undefined : s.id } }),
        })),
        { text: "All Spaces …", onSelect: () => void navigate({ to: "/spaces" }) },
      ]}
    >
      <span className="flex items-center gap-2 rounded-lg border border-line px-3 py-2 text-sm hover:bg-raised">
        {space?.icon && <bdi aria-hidden>{space.icon}</bdi>}
        <span className="truncate font-medium">{space?.name ?? "…"}</span>{" "}
        {space?.active && <span className="text-xs text-muted">active</span>}
        <ChevronsUpDown aria-hidden className="ml-auto size-4 shrink-0 text-muted" />
      </span>
    </Menu>
  );
}

/** ElsewhereNotice says that the Space that is looked at is not the active one. */
export function ElsewhereNotice() {
  const space = useSpace();
  const active = useSpaces().data?.find((s) => s.active);
  const activate = useAct((id: string) => post(["spaces", id, "activate"]));
  if (!space || !active || space.active) return null;
  return (
    <Notice>
      <div className="flex flex-wrap items-center gap-3">
        <span className="mr-auto">
          You look at the Space <bdi className="font-medium">{space.name}</bdi>. Clients that follow the active Space use{" "}
          <bdi className="font-medium">{active.name}</bdi>.
        </span>
        <Button onClick={() => activate.mutate(space.id)} disabled={activate.isPending}>
          Make {space.name} active
        </Button>
        {activate.error && <Notice tone="bad">{activate.error.message}</Notice>}
      </div>
    </Notice>
  );
}
