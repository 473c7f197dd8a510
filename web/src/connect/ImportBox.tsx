import { useId, useState } from "react";
import { importServers, previewImport, useApplications } from "../api/connect";
import { useAct } from "../api/queries";
import type { Imported, ImportPreview, ImportSource } from "../api/types.gen";
import { useSpace } from "../space";
import { Button } from "../ui/Button";
import { TextArea } from "../ui/Field";
import { Notice } from "../ui/Notice";
import { Progress } from "../ui/Progress";
import { plural } from "../ui/plural";
import { type Choice, chosen, firstChoices } from "./choices";
import { ImportedList } from "./ImportedList";
import { ImportRow } from "./ImportRow";

/** ImportBox adds servers that are pasted, or that an application has: it shows them first. */
export function ImportBox({ onDone }: { onDone?: (made: Imported) => void }) {
  const space = useSpace();
  const [text, setText] = useState("");
  const [looked, setLooked] = useState<{ source: ImportSource; preview: ImportPreview }>();
  const [made, setMade] = useState<Imported>();
  const look = useAct((source: ImportSource) => previewImport(space?.id ?? "", source));
  const begin = (source: ImportSource) =>
    look.mutate(source, {
      onSuccess: (preview) => {
        setMade(undefined);
        setLooked({ source, preview });
      },
    });
  return (
    <div className="flex flex-col gap-4">
      <form
        className="flex flex-col gap-3"
        onSubmit={(e) => {
          e.preventDefault();
          begin({ text });
        }}
      >
        <TextArea
          mono
          label="Paste servers"
          rows={5}
          value={text}
          onChange={setText}
          help="A piece of an application's settings (JSON, TOML or YAML), a command such as npx -y …, or an address. Nothing is added before you have seen it."
        />
        <div className="flex flex-wrap gap-2">
          <Button type="submit" look={looked ? "plain" : "primary"} disabled={!space || look.isPending || !text.trim()}>
            {look.isPending ? "Looking …" : "Look at it"}
          </Button>
          <Sources busy={!space || look.isPending} onPick={(application) => begin({ application })} />
        </div>
      </form>
      {look.error && <Notice tone="bad">{look.error.message}</Notice>}
      {looked && !made && space && (
        <Preview
          key={looked.preview.servers.map((s) => s.digest).join()}
          space={space}
          source={looked.source}
          preview={looked.preview}
          onMade={(m) => {
            setMade(m);
            setText("");
            setLooked(undefined);
            onDone?.(m);
          }}
        />
      )}
      {made && <ImportedList made={made} />}
    </div>
  );
}

/** Sources are the applications on this machine that have servers. */
function Sources({ busy, onPick }: { busy: boolean; onPick: (id: string) => void }) {
  const all = useApplications().data?.filter((a) => a.servers > 0) ?? [];
  return all.map((a) => (
    <Button key={a.id} disabled={busy} onClick={() => onPick(a.id)}>
      From {a.name} ({a.servers})
    </Button>
  ));
}

interface PreviewProps {
  space: { id: string; name: string };
  source: ImportSource;
  preview: ImportPreview;
  onMade: (made: Imported) => void;
}

function Preview({ space, source, preview: p, onMade }: PreviewProps) {
  const [choices, setChoices] = useState<Choice[]>(() => firstChoices(p));
  const add = useAct(() => importServers(space.id, { ...source, servers: chosen(p.servers, choices) }));
  const n = choices.filter((c) => c.on).length;
  const title = useId();
  return (
    <form
      aria-labelledby={title}
      className="flex flex-col gap-3 rounded-lg border border-line p-4"
      onSubmit={(e) => {
        e.preventDefault();
        add.mutate(undefined, { onSuccess: onMade });
      }}
    >
      <h3 id={title} className="font-semibold" aria-live="polite">
        {plural(p.servers.length, "server")} found
      </h3>
      {p.file && <p className="text-xs break-all text-muted">{p.file}</p>}
      <ul aria-label="Servers found" className="flex flex-col divide-y divide-line">
        {p.servers.map((s, i) => (
          <ImportRow
            key={s.digest}
            server={s}
            choice={choices[i] ?? { on: false, alias: s.alias, values: {} }}
            onChange={(c) => setChoices(choices.with(i, c))}
          />
        ))}
      </ul>
      {p.problems.map((x) => (
        <Notice key={x.name + x.text} tone="warn">
          Left out: {x.name && <b className="font-medium">{x.name}: </b>}
          {x.text}.
        </Notice>
      ))}
      {add.error && <Notice tone="bad">{add.error.message}</Notice>}
      {add.isPending && <Progress label={`Adding ${plural(n, "server")} …`} />}
      <Button type="submit" look="primary" className="self-start" disabled={n === 0 || add.isPending}>
        Add {plural(n, "server")} to {space.name}
      </Button>
    </form>
  );
}
