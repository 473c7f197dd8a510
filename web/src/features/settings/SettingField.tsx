import { useEffect, useState } from "react";
import { useAct } from "../../api/queries";
import { setSetting } from "../../api/settings";
import type { Setting } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { NumberField, SelectField, SwitchField, TextField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { useToast } from "../../ui/Toast";

/** names are the settings for people. One that is not here goes by its key. */
const names: Record<string, string> = {
  "gateway.autostart": "Start the gateway together with McpMux",
  "gateway.addr": "Address of the gateway",
  "dashboard.addr": "Address of the dashboard",
  "pool.idle_timeout": "Close a server that is unused for",
  "pool.call_timeout": "End a call without progress after",
  "client.rate_limit": "Requests that a client may make in a minute",
  "client.documents": "Applications may say who they are by a document on the Internet",
  "gateway.dashboard_elicitation": "Show questions of servers here where a client cannot",
  "gateway.page_size": "Entries in a page of a list",
  "log.level": "What McpMux logs",
  "logs.retention": "Keep the logs of servers for",
  "activity.retention": "Keep the record of requests for",
};

/** SettingField is a setting as its kind says. What is switched or chosen counts at once; what is typed, once it is saved. */
export function SettingField({ setting: s }: { setting: Setting }) {
  const toast = useToast();
  const save = useAct(async (value: string) => {
    await setSetting(s.key, value);
    toast({ text: `${names[s.key] ?? s.key}: ${value}${s.restart ? ", from the next start on" : ""}`, undo: () => save.mutate(s.value) });
  });
  return (
    <div className="flex flex-col gap-3">
      <Control setting={s} busy={save.isPending} onSave={save.mutate} />
      {s.overridden_by && <Notice tone="warn">McpMux was started with {s.overridden_by}, which counts instead of this.</Notice>}
      {save.error && <Notice tone="bad">{save.error.message}</Notice>}
    </div>
  );
}

function Control({ setting: s, busy, onSave }: { setting: Setting; busy: boolean; onSave: (v: string) => void }) {
  const [value, setValue] = useState(s.value);
  useEffect(() => setValue(s.value), [s.value]); // saved, or set elsewhere
  const common = { label: names[s.key] ?? s.key, help: help(s) };
  switch (s.kind) {
    case "bool":
      return <SwitchField {...common} checked={s.value === "true"} disabled={busy} onChange={(on) => onSave(String(on))} />;
    case "choice":
      return (
        <div className="max-w-xs">
          <SelectField
            {...common}
            value={s.value}
            disabled={busy}
            onChange={onSave}
            options={(s.choices ?? []).map((c) => ({ value: c, text: c }))}
          />
        </div>
      );
    default: {
      const Field = s.kind === "number" ? NumberField : TextField;
      return (
        <form
          className="flex max-w-md flex-col gap-3"
          onSubmit={(e) => {
            e.preventDefault();
            if (value.trim() !== s.value) onSave(value.trim());
          }}
        >
          <Field {...common} value={value} onChange={setValue} />
          {value !== s.value && (
            <div className="flex gap-3">
              <Button type="submit" look="primary" disabled={busy}>
                {busy ? "Saving …" : "Save"}
              </Button>
              <Button onClick={() => setValue(s.value)}>Discard</Button>
            </div>
          )}
        </form>
      );
    }
  }
}

function help(s: Setting): string {
  const forms: Record<string, string> = { duration: "A duration such as 90s, 5m or 720h.", address: "localhost and a port." };
  const more =
    s.key === "gateway.addr"
      ? "It moves at once; applications have to be told the new address."
      : s.restart
        ? "It counts from the next start of McpMux on."
        : "";
  return [s.description, forms[s.kind] ?? "", more, s.value === s.default ? "" : `By itself it is ${s.default}.`].filter(Boolean).join(" ");
}
