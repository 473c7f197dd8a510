import type { Application } from "../api/types.gen";
import { buttonClass } from "../ui/Button";
import { CopyButton } from "../ui/CopyButton";
import { Disclosure } from "../ui/Disclosure";
import { Text } from "../ui/Json";
import { Notice } from "../ui/Notice";

/** Advice says what to do in an application: by a click, in a terminal, or by hand; and what comes then. */
export function Advice({ app }: { app: Application }) {
  return (
    <section aria-label={`How to connect ${app.name}`} className="flex flex-col gap-4 rounded-lg border border-line p-4">
      <h3 className="font-semibold">{app.name}</h3>
      {app.state === "configured" && <Notice>{app.name} knows McpMux already: the entry is in its settings.</Notice>}
      {app.state === "unreadable" && (
        <Notice tone="warn">
          Its settings cannot be read ({app.file}: {app.reason}). McpMux leaves them alone; add the entry by hand.
        </Notice>
      )}
      {app.note && (
        <p className="text-sm">
          <Words text={app.note} />
        </p>
      )}
      {app.link && (
        <Way title="By a click">
          <a href={app.link} className={`${buttonClass("primary")} self-start`}>
            Add to {app.name}
          </a>
        </Way>
      )}
      {app.command && (
        <Way title="In a terminal" copy={<CopyButton text={app.command} label="Copy the command" />}>
          <Text label="Command" text={app.command} />
        </Way>
      )}
      {app.config && (
        <Way title={app.file ? "By hand, in its settings" : "By hand"} copy={<CopyButton text={app.config} label="Copy the entry" />}>
          {app.file && <p className="text-xs break-all text-muted">{app.file}</p>}
          <Text label="Entry" text={app.config.trimEnd()} />
        </Way>
      )}
      {app.next && (
        <p className="text-sm">
          <b className="font-medium">Then:</b> <Words text={app.next} />
        </p>
      )}
      {app.unsure && <p className="text-xs text-muted">Nobody has tried this one yet.</p>}
      {app.config_with_key && (
        <Disclosure title="With an access key, instead of a login">
          <div className="flex flex-col gap-2">
            <p className="text-sm text-muted">
              For where no browser is at hand. Make the key with <code>mcpmux client create NAME</code>; it is not in this text.
            </p>
            <Text label="Entry with an access key" text={app.config_with_key.trimEnd()} />
            <span>
              <CopyButton text={app.config_with_key} label="Copy the entry with a key" />
            </span>
          </div>
        </Disclosure>
      )}
    </section>
  );
}

/** Words are a sentence in which what stands between backticks is to be typed. */
const Words = ({ text }: { text: string }) => text.split("`").map((part, i) => (i % 2 === 1 ? <code key={part}>{part}</code> : part));

function Way({ title, copy, children }: { title: string; copy?: React.ReactNode; children: React.ReactNode }) {
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h4 className="text-sm font-medium">{title}</h4>
        {copy}
      </div>
      {children}
    </div>
  );
}
