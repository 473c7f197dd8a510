import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useAct } from "../../api/queries";
import { doServer } from "../../api/servers";
import type { Server } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Menu } from "../../ui/Menu";
import { Notice } from "../../ui/Notice";
import { useToast } from "../../ui/Toast";
import { openLogin } from "./openLogin";
import { Remove } from "./Remove";

/** useSwitch switches a server on, or off where it is on, and offers to take that back. */
export function useSwitch(s: Server) {
  const toast = useToast();
  const { mutate, isPending, error } = useAct((what: "enable" | "disable") => doServer(s, what));
  const [now, before] = s.enabled ? (["disable", "enable"] as const) : (["enable", "disable"] as const);
  const turn = () =>
    mutate(now, {
      onSuccess: () => toast({ text: `${s.alias} is switched ${now === "enable" ? "on" : "off"}.`, undo: () => mutate(before) }),
    });
  return { turn, isPending, error };
}

/** Fix is the one thing to do about a server that does not work; it is nothing where one works. */
export function Fix({ server: s }: { server: Server }) {
  const login = useAct(() => openLogin(s));
  const restart = useAct(() => doServer(s, "restart"));
  const act = s.status.login_wanted ? login : s.status.state === "error" ? restart : undefined;
  if (!act || !s.enabled) return null;
  return (
    <>
      <Button
        look="primary"
        onClick={() => act.mutate()}
        disabled={act.isPending}
        aria-label={act === login ? `Log in to ${s.alias}` : `Try again: ${s.alias}`}
      >
        {act === login ? "Log in" : "Try again"}
      </Button>
      {act.error && <Notice tone="bad">{act.error.message}</Notice>}
    </>
  );
}

/** More is what else can be done with a server. */
export function More({ server: s }: { server: Server }) {
  const navigate = useNavigate();
  const toast = useToast();
  const [removing, setRemoving] = useState(false);
  const act = useAct((f: () => Promise<unknown>) => f());
  const go = (tab: string) => () =>
    void navigate({ to: "/servers/$alias", params: { alias: s.alias }, search: (q) => ({ space: q.space, tab }) });
  const run = (f: () => Promise<unknown>, done: string) => () =>
    act.mutate(f, { onSuccess: () => toast({ text: done }), onError: (err) => toast({ text: err.message, tone: "bad" }) });
  return (
    <>
      <Menu
        label={`More about ${s.alias}`}
        items={[
          { text: "Restart", onSelect: run(() => doServer(s, "restart"), `${s.alias} connects anew.`), disabled: !s.enabled },
          ...(s.definition.transport !== "stdio" && !s.logged_in
            ? [{ text: "Log in", onSelect: run(() => openLogin(s), `The login to ${s.alias} is in another tab.`) }]
            : []),
          ...(s.logged_in ? [{ text: "Log out", onSelect: run(() => doServer(s, "logout"), `${s.alias} is logged out.`) }] : []),
          { text: "Try a tool", onSelect: go("try") },
          { text: "Logs", onSelect: go("logs") },
          { text: "Configure", onSelect: go("configure") },
          { text: "Remove …", onSelect: () => setRemoving(true), danger: true },
        ]}
      />
      <Remove server={s} open={removing} onOpenChange={setRemoving} />
    </>
  );
}
