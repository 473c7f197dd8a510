import { useState } from "react";
import { useAct } from "../../api/queries";
import { patchServer } from "../../api/servers";
import type { Definition, Server } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { diff } from "../../ui/diff";
import { TextArea } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { useToast } from "../../ui/Toast";

/** DefinitionTab has a server's definition as JSON, to be read, copied and changed. Values are never part of it. */
export function DefinitionTab({ server: s }: { server: Server }) {
  const before = JSON.stringify(s.definition, null, 2);
  const [text, setText] = useState<string>();
  const toast = useToast();
  const save = useAct((d: Definition) => patchServer(s, { definition: d }));
  const now = text ?? before;
  const { value, problem } = parse(now);
  const changed = now !== before;
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(e) => {
        e.preventDefault();
        if (!value) return;
        save.mutate(value, {
          onSuccess: () => {
            setText(undefined);
            toast({ text: `The definition of ${s.alias} is saved; it connects anew.` });
          },
        });
      }}
    >
      <TextArea
        mono
        rows={Math.min(Math.max(now.split("\n").length + 1, 8), 30)}
        label="Definition"
        help="What the server is. Values of its inputs, environment and headers are kept apart, sealed."
        value={now}
        onChange={setText}
        error={problem}
      />
      {changed && !problem && <Changes before={before} after={now} />}
      {save.error && <Notice tone="bad">{save.error.message}</Notice>}
      <div className="flex flex-wrap gap-3">
        <Button type="submit" look="primary" disabled={!changed || !value || save.isPending}>
          {save.isPending ? "Saving …" : "Save"}
        </Button>
        <Button disabled={!changed} onClick={() => setText(undefined)}>
          Discard
        </Button>
        <CopyButton text={now} label="Copy the definition" />
      </div>
    </form>
  );
}

function parse(text: string): { value?: Definition; problem?: string } {
  try {
    return { value: JSON.parse(text) as Definition };
  } catch (err) {
    return { problem: `This is not JSON: ${err instanceof Error ? err.message : String(err)}` };
  }
}

function Changes({ before, after }: { before: string; after: string }) {
  return (
    <section aria-label="What changes" className="overflow-x-auto rounded-lg border border-line bg-canvas p-3 font-mono text-xs">
      {diff(before.split("\n"), after.split("\n")).map((l) => (
        <p
          key={`${l.sign}${l.n}`}
          className={`whitespace-pre ${l.sign === "+" ? "text-good" : l.sign === "-" ? "text-bad" : "text-muted"}`}
        >
          {l.sign} {l.text}
        </p>
      ))}
    </section>
  );
}
