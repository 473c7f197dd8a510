import { Link } from "@tanstack/react-router";
import { CircleAlert } from "lucide-react";
import { post } from "../../api/client";
import { useAct, useStatus } from "../../api/queries";
import type { Attention } from "../../api/types.gen";
import { Button, buttonClass } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";

/** AttentionCard lists what a person should look at; each line has the one thing to do about it. */
export function AttentionCard() {
  const all = useStatus().data?.attention ?? [];
  if (all.length === 0) return null;
  return (
    <Card title="Needs attention">
      <ul className="flex flex-col divide-y divide-line">
        {all.map((a) => (
          <li key={a.text} className="flex flex-wrap items-center gap-3 py-2.5 first:pt-0 last:pb-0">
            <CircleAlert aria-hidden className="size-4 shrink-0 text-warn" />
            <span className="mr-auto min-w-0 grow basis-60 text-sm break-words">{words(a)}</span>
            <Action attention={a} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function words(a: Attention) {
  switch (a.kind) {
    case "login":
      return (
        <>
          <b className="font-medium">{a.server}</b> in {a.space} wants you to log in. <span className="text-muted">{a.reason}</span>
        </>
      );
    case "server":
      return (
        <>
          <b className="font-medium">{a.server}</b> in {a.space} does not work. <span className="text-muted">{a.reason}</span>
        </>
      );
    case "client":
      return (
        <>
          The client <bdi className="font-medium">{a.client}</bdi> is not approved, and sees nothing.
        </>
      );
    default:
      return a.text.charAt(0).toUpperCase() + a.text.slice(1);
  }
}

function Action({ attention: a }: { attention: Attention }) {
  const approve = useAct(() => post(["clients", a.client ?? "", "approve"]));
  switch (a.kind) {
    case "login":
    case "server":
      return (
        <Link
          to="/servers/$alias"
          params={{ alias: a.server ?? "" }}
          search={{ space: a.space_id }}
          className={buttonClass()}
          aria-label={`${a.kind === "login" ? "Log in" : "Look"}: ${a.server}`}
        >
          {a.kind === "login" ? "Log in" : "Look"}
        </Link>
      );
    case "client":
      return (
        <>
          <Button onClick={() => approve.mutate()} disabled={approve.isPending} aria-label={`Approve ${a.client}`}>
            Approve
          </Button>
          {approve.error && <Notice tone="bad">{approve.error.message}</Notice>}
        </>
      );
    default:
      return (
        <Link to="/settings" className={buttonClass()}>
          {a.kind === "locked" ? "Unlock" : "Settings"}
        </Link>
      );
  }
}
