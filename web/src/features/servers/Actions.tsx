import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useAct } from "../../api/queries";
import { doServer } from "../../api/servers";
import type { Server } from "../../api/types.gen";
import { Button, buttonClass } from "../../ui/Button";
import { Menu } from "../../ui/Menu";
import { Notice } from "../../ui/Notice";
import { useToast } from "../../ui/Toast";
import { openLogin } from "./openLogin";
import { Remove } from "./Remove";

/** useSwitch switches a server on, or off where it is on, and offers to take that back. */
export function useSwitch(s: Server) {
  const toast = useToast();
  const { mutate, isPending, error } = useAct(async (what: "enable" | "disable") => {
    await doServer(s, what);
    const back = what === "enable" ? "disable" : "enable";
    toast({ text: `${s.alias} is switched ${what === "enable" ? "on" : "off"}.`, undo: () => mutate(back) });
  });
  const turn = () => mutate(s.enabled ? "disable" : "enable");
  return { turn, isPending, error };
}

/** Fix is the one thing to do about a server that does not work; it is nothing where one works. */
export function Fix({ server: s }: { server: Server }) {
  const login = useAct(() => openLogin(s));
  const restart = useAct(() => doServer(s, "restart"));
  if (s.enabled && lacks(s).length > 0)
    return (
      <Link
        to="/servers/$alias"
        params={{ alias: s.alias }}
        search={{ space: s.space_id, tab: "configure" }}
        className={buttonClass("primary")}
        aria-label={`Configure ${s.alias}`}
      >
        Configure
      </Link>
    );
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

/** lacks are the Inputs that have no value and need one. */
const lacks = (s: Server) =>
  (s.definition.inputs ?? []).filter((i) => i.required && !i.default && !s.values.some((v) => v.kind === "input" && v.name === i.id));

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
