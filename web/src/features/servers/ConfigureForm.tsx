import { useState } from "react";
import { useAct } from "../../api/queries";
import { patchServer } from "../../api/servers";
import type { Server, ServerPatch, ServerValue } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Disclosure } from "../../ui/Disclosure";
import { TextArea, TextField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { useToast } from "../../ui/Toast";
import { change, draftOf } from "./draft";
import { InputField } from "./InputField";
import { Pairs } from "./Pairs";
import { Tuning } from "./Tuning";

/** ConfigureForm has a field for each Input of the definition, by its type, and for the rest that can be set. */
export function ConfigureForm({ server: s, values }: { server: Server; values: ServerValue[] }) {
  const first = draftOf(s, values);
  const [draft, setDraft] = useState(first);
  const [tried, setTried] = useState(false);
  const toast = useToast();
  // What is saved may make this form another before the answer is there, so the answer is told from here.
  const save = useAct(async (p: ServerPatch) => {
    await patchServer(s, p);
    toast({ text: `${s.alias} is configured; it connects anew.` });
  });
  const { patch, problems, empty } = change(s, first, draft);
  const wrong = Object.keys(problems).length > 0;
  const put = (more: Partial<typeof draft>) => setDraft({ ...draft, ...more });
  const runs = s.definition.transport === "stdio";
  const inputs = s.definition.inputs ?? [];
  return (
    <form
      className="flex flex-col gap-6"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        setTried(true);
        if (!wrong && !empty) save.mutate(patch);
      }}
    >
      {inputs.length > 0 && (
        <Card title="What it asks for">
          <div className="flex flex-col gap-4">
            {inputs.map((i) => (
              <InputField
                key={i.id}
                input={i}
                stored={values.some((v) => v.kind === "input" && v.name === i.id)}
                value={draft.inputs[i.id] ?? ""}
                onChange={(v) => put({ inputs: { ...draft.inputs, [i.id]: v } })}
                error={tried ? problems[i.id] : undefined}
              />
            ))}
          </div>
        </Card>
      )}
      <Card title={runs ? "What its process is given" : "What is sent with each request"}>
        <div className="flex flex-col gap-4">
          <Pairs
            title={runs ? "Environment variables" : "Headers"}
            word={runs ? "variable" : "header"}
            pairs={draft.pairs}
            onChange={(pairs) => put({ pairs })}
            help="Secrets are stored sealed, and never shown again. ${input:ID} stands for an input."
          />
          {runs && (
            <>
              <TextArea
                mono
                rows={Math.max(3, draft.args.split("\n").length)}
                label="Arguments, one in each line"
                value={draft.args}
                onChange={(args) => put({ args })}
              />
              <TextField mono label="Folder to run in (optional)" value={draft.cwd} onChange={(cwd) => put({ cwd })} />
            </>
          )}
          {!runs && <TextField mono label="Address" value={draft.url} onChange={(url) => put({ url })} />}
        </div>
      </Card>
      <Disclosure title="How it is connected and named">
        <Tuning draft={draft} onChange={put} alias={s.alias} problems={tried ? problems : {}} />
      </Disclosure>
      {save.error && <Notice tone="bad">{save.error.message}</Notice>}
      {tried && wrong && <Notice tone="bad">Some of what was entered is not fit yet; the fields say what.</Notice>}
      <div className="flex flex-wrap gap-3">
        <Button type="submit" look="primary" disabled={empty || save.isPending}>
          {save.isPending ? "Saving …" : "Save"}
        </Button>
        <Button disabled={empty} onClick={() => setDraft(first)}>
          Discard
        </Button>
      </div>
    </form>
  );
}
