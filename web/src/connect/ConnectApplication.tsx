import { useState } from "react";
import { useApplications } from "../api/connect";
import type { Application } from "../api/types.gen";
import { useParam } from "../param";
import { Badge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { Advice } from "./Advice";
import { appTones, appWords } from "./words";

/** ConnectApplication lets one choose an AI application, those on this machine first, and says what to do in it. */
export function ConnectApplication() {
  const { data, error } = useApplications();
  const [chosen, choose] = useParam("app");
  const [all, setAll] = useState(false);
  if (!data) return error ? <Notice tone="bad">{error.message}</Notice> : <p className="text-muted">Looking for applications …</p>;
  const here = data.filter((a) => a.state !== "absent");
  const shown = all || here.length === 0 ? data : data.filter((a) => a.state !== "absent" || a.id === chosen);
  const app = data.find((a) => a.id === chosen);
  return (
    <div className="flex flex-col gap-4">
      <p className="text-sm text-muted">
        {here.length > 0
          ? "These are on this machine. Choose one to see what to do."
          : "None of those that McpMux knows was found. Choose yours."}
      </p>
      <ul aria-label="Applications" className="grid grid-cols-1 gap-2 min-[26rem]:grid-cols-2 lg:grid-cols-3">
        {shown.map((a) => (
          <li key={a.id}>
            <Tile app={a} on={a.id === chosen} onClick={() => choose(a.id === chosen ? "" : a.id)} />
          </li>
        ))}
      </ul>
      {shown.length < data.length && (
        <Button className="self-start" onClick={() => setAll(true)}>
          Show all {data.length} applications
        </Button>
      )}
      {app && <Advice key={app.id} app={app} />}
    </div>
  );
}

function Tile({ app, on, onClick }: { app: Application; on: boolean; onClick: () => void }) {
  return (
    <button
      type="button"
      aria-pressed={on}
      onClick={onClick}
      className={`flex min-h-11 w-full flex-wrap items-center gap-x-3 gap-y-1 rounded-lg border px-3 py-2 text-left text-sm hover:bg-raised ${on ? "border-accent ring-1 ring-accent" : "border-line"}`}
    >
      <span className="mr-auto font-medium">{app.name}</span>
      {app.state !== "absent" && <Badge tone={appTones[app.state]}>{appWords[app.state]}</Badge>}
    </button>
  );
}
