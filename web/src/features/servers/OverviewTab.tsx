import type { ReactNode } from "react";
import type { Server } from "../../api/types.gen";
import { Card } from "../../ui/Card";
import { Disclosure } from "../../ui/Disclosure";
import { Json, Text } from "../../ui/Json";
import { Notice } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { LoginCard } from "./LoginCard";
import { offers, summary } from "./ServerCard";

/** OverviewTab says how a server is, and what it said of itself. */
export function OverviewTab({ server: s }: { server: Server }) {
  const { status, about } = s;
  const info = about?.server_info as { name?: string; title?: string; version?: string } | undefined;
  return (
    <>
      {s.enabled && status.reason && <Notice tone={status.state === "error" ? "bad" : "warn"}>{status.reason}</Notice>}
      {status.stderr && status.stderr.length > 0 && (
        <Card title="What it wrote last">
          <Text label="The end of its standard error" text={status.stderr.join("\n")} />
        </Card>
      )}
      <Card title="State">
        <dl className="grid gap-x-6 gap-y-2 text-sm sm:grid-cols-[max-content_1fr]">
          {s.definition.title && (
            <Item name="It is">
              {s.definition.title}
              {s.definition.description && `: ${s.definition.description}`}{" "}
              {s.definition.homepage && (
                <a href={s.definition.homepage} target="_blank" rel="noreferrer" className="text-accent underline">
                  Homepage
                </a>
              )}
            </Item>
          )}
          <Item name="Since">
            <Time at={status.since} />
          </Item>
          {status.attempts ? <Item name="Attempts since it worked">{status.attempts}</Item> : null}
          <Item name="Offers">{offers(s)}</Item>
          <Item name={s.definition.url ? "Address" : "Command"}>
            <code>{summary(s)}</code>
          </Item>
          <Item name="Connections">
            {status.connections}
            {status.pid ? ` (process ${status.pid})` : ""}
          </Item>
          {info && <Item name="Calls itself">{[info.title ?? info.name, info.version].filter(Boolean).join(" ")}</Item>}
          {about && (
            <Item name="Speaks">
              MCP {[about.protocol_version, ...(about.versions ?? []).filter((v) => v !== about.protocol_version)].join(", ")}
            </Item>
          )}
          {s.every_space && <Item name="Spaces">Every Space has a server of its own like this one.</Item>}
        </dl>
        {about && (
          <div className="mt-4 flex flex-col gap-3">
            {about.instructions && (
              <Disclosure title="Its instructions for models">
                <Text label="Instructions" text={about.instructions} />
              </Disclosure>
            )}
            <Disclosure title="Its capabilities">
              <Json label="Capabilities" value={about.capabilities} />
            </Disclosure>
          </div>
        )}
      </Card>
      {s.definition.transport !== "stdio" && <LoginCard server={s} />}
    </>
  );
}

function Item({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="break-words">{children}</dd>
    </>
  );
}
