import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Dialog as Radix } from "radix-ui";
import { type ReactNode, useState } from "react";
import { post } from "../api/client";
import { useAct, useClients, useServers, useSpaces, useStatus } from "../api/queries";
import { useSpace } from "../space";
import { setTheme, themes } from "../theme";
import { Notice } from "../ui/Notice";
import { useToast } from "../ui/Toast";
import { useGiveBack } from "../ui/useGiveBack";
import { pages } from "./Bar";

/** Palette finds a page or a thing by a few letters, and does what pages do with a button. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [search, setSearch] = useState("");
  const giveBack = useGiveBack();
  return (
    <Radix.Root open onOpenChange={onClose}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/50" />
        <Radix.Content
          {...giveBack}
          aria-describedby={undefined}
          className="fixed top-[12dvh] left-1/2 z-50 w-[calc(100vw-1.5rem)] max-w-xl -translate-x-1/2 overflow-hidden rounded-2xl border border-line bg-surface shadow-xl"
        >
          <Radix.Title className="sr-only">Find or do</Radix.Title>
          <Command label="Find or do" loop>
            <Command.Input
              value={search}
              onValueChange={setSearch}
              placeholder="A page, a server, a client, or what to do"
              className="w-full border-b border-line bg-transparent px-4 py-3.5 text-sm outline-none placeholder:text-muted"
            />
            <Command.List label="What there is" className="max-h-[60dvh] overflow-y-auto p-2">
              <Command.Empty className="px-3 py-6 text-center text-sm text-muted">Nothing is called so.</Command.Empty>
              <Commands onClose={onClose} />
            </Command.List>
          </Command>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function Commands({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const space = useSpace();
  const { data: status } = useStatus();
  const servers = useServers(space?.id).data ?? [];
  const clients = useClients().data ?? [];
  const spaces = useSpaces().data ?? [];
  const toast = useToast();
  const act = useAct((path: string[]) => post(path, undefined, path[0] === "servers" ? { space: space?.id ?? "" } : {}));
  const then = (f: () => void) => () => {
    f();
    onClose();
  };
  const run = (path: string[], done: string) => () => act.mutate(path, { onSuccess: then(() => toast({ text: done })) });
  const running = status?.gateway === "running";
  return (
    <>
      {act.error && <Notice tone="bad">{act.error.message}</Notice>}
      <Group heading="Go to">
        {pages.map((p) => (
          <Item key={p.to} onSelect={then(() => void navigate({ to: p.to }))}>
            {p.text}
          </Item>
        ))}
        <Item onSelect={then(() => void navigate({ to: "/servers/new" }))}>Add a server</Item>
        <Item onSelect={then(() => void navigate({ to: "/welcome" }))}>First steps: connect an application</Item>
      </Group>
      <Group heading="Do">
        {running ? (
          <Item onSelect={run(["gateway", "stop"], "The gateway is stopped.")}>Stop the gateway</Item>
        ) : (
          <Item onSelect={run(["gateway", "start"], "The gateway runs.")}>Start the gateway</Item>
        )}
        <Item
          onSelect={then(
            () => void navigator.clipboard.writeText(status?.mcp_url ?? "").then(() => toast({ text: "The gateway's address is copied." })),
          )}
        >
          Copy the gateway's address
        </Item>
        {themes.map((t) => (
          <Item key={t} onSelect={then(() => setTheme(t))}>
            Theme: {t === "system" ? "as the system" : t}
          </Item>
        ))}
        {spaces
          .filter((s) => !s.active)
          .map((s) => (
            <Item key={s.id} onSelect={run(["spaces", s.id, "activate"], `${s.name} is the active Space.`)}>
              Make {s.name} the active Space
            </Item>
          ))}
      </Group>
      <Group heading="Servers">
        {servers.map((s) => (
          <Item key={s.id} onSelect={then(() => void navigate({ to: "/servers/$alias", params: { alias: s.alias } }))}>
            {s.alias}
          </Item>
        ))}
        {servers.map((s) => (
          <Item key={`r${s.id}`} onSelect={run(["servers", s.alias, "restart"], `${s.alias} connects anew.`)}>
            Restart {s.alias}
          </Item>
        ))}
      </Group>
      <Group heading="Clients">
        {clients
          .filter((c) => c.id)
          .map((c) => (
            <Item key={c.id} onSelect={then(() => void navigate({ to: "/clients/$name", params: { name: c.name } }))}>
              {c.name}
            </Item>
          ))}
      </Group>
    </>
  );
}

const Group = ({ heading, children }: { heading: string; children: ReactNode }) => (
  <Command.Group
    heading={heading}
    className="text-sm [&_[cmdk-group-heading]]:px-3 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted"
  >
    {children}
  </Command.Group>
);

const Item = ({ onSelect, children }: { onSelect: () => void; children: ReactNode }) => (
  <Command.Item onSelect={onSelect} className="cursor-pointer rounded-lg px-3 py-2 data-[selected=true]:bg-raised">
    {children}
  </Command.Item>
);
