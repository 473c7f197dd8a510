import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { type Called, callFeature } from "../../api/calls";
import { useClients } from "../../api/queries";
import type { Feature, Server } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { CheckField, SelectField, TextArea } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Progress } from "../../ui/Progress";
import { SchemaForm } from "../../ui/SchemaForm";
import { asks, begin, make, parse, resolve, type Schema } from "../../ui/schema";
import { Answer } from "./Answer";

/** Use asks for the arguments, by a form or as JSON, makes the call, and shows request and answer. */
export function Use({ server: s, feature: f, schema }: { server: Server; feature: Feature; schema: Schema }) {
  const clients = useClients().data?.filter((c) => c.id && c.approved && c.space === s.space) ?? [];
  const [client, setClient] = useState("");
  const [draft, setDraft] = useState(() => begin(schema, schema));
  const [raw, setRaw] = useState<string>(); // undefined: the form
  const [tried, setTried] = useState(false);
  const formed = asks(resolve(schema, schema)).kind === "object";
  const made = raw === undefined ? (formed ? make(schema, draft, schema) : { json: "{}", problems: {} }) : checked(raw);
  const wrong = Object.keys(made.problems).length > 0;
  const call = useMutation<Called, Error, string>({ mutationFn: (args) => callFeature(s, f, args, client) });
  const turn = (on: boolean) => {
    if (on) setRaw(pretty(make(schema, draft, schema).json));
    else {
      try {
        setDraft(begin(schema, schema, parse(raw ?? "{}")));
      } catch {
        // What is no JSON stays behind.
      }
      setRaw(undefined);
    }
  };
  return (
    <div className="grid items-start gap-4 *:min-w-0 lg:grid-cols-2">
      <Card title="Request">
        <form
          className="flex flex-col gap-4"
          noValidate
          onSubmit={(e) => {
            e.preventDefault();
            setTried(true);
            if (!wrong) call.mutate(made.json);
          }}
        >
          {raw === undefined ? (
            formed ? (
              <SchemaForm schema={schema} root={schema} draft={draft} onChange={setDraft} problems={tried ? made.problems : {}} />
            ) : (
              <p className="text-sm text-muted">It takes no arguments.</p>
            )
          ) : (
            <TextArea
              mono
              rows={10}
              label="Arguments as JSON"
              value={raw}
              onChange={setRaw}
              error={tried ? made.problems[""] : undefined}
            />
          )}
          {f.kind === "tool" && <CheckField label="As JSON" checked={raw !== undefined} onChange={turn} />}
          <SelectField
            label="As"
            value={client}
            onChange={setClient}
            options={[{ value: "", text: "you, with everything of the Space" }, ...clients.map((c) => ({ value: c.id, text: c.name }))]}
            help="A client can use what it was granted, and nothing else."
          />
          <Button
            type="submit"
            look="primary"
            className="self-start"
            disabled={call.isPending || s.status.state === "stopped" || !s.enabled}
          >
            {call.isPending ? "Waiting …" : f.kind === "tool" ? "Call" : "Get"}
          </Button>
          {!s.enabled && <Notice tone="warn">{s.alias} is switched off. Switch it on to try it.</Notice>}
        </form>
      </Card>
      <Card title="Answer">
        {call.isPending && <Progress label="The server works on it …" />}
        {call.error && <Notice tone="bad">{call.error.message}</Notice>}
        {call.isIdle && <p className="text-sm text-muted">What the server answers shows up here, as it sent it.</p>}
        {call.data && !call.isPending && <Answer server={s} called={call.data} />}
      </Card>
    </div>
  );
}

function checked(text: string) {
  try {
    const v = JSON.parse(text || "{}");
    if (v && typeof v === "object" && !Array.isArray(v)) return { json: text || "{}", problems: {} };
    return { json: "", problems: { "": "The arguments are one JSON object, in braces." } };
  } catch (err) {
    return { json: "", problems: { "": `This is not JSON: ${err instanceof Error ? err.message : String(err)}` } };
  }
}

// pretty has a line for each member; it leaves numbers as they are, which JSON.stringify would not.
const pretty = (json: string) => (json === "{}" ? "{\n}" : json.replace(/^\{/, "{\n  ").replace(/\}$/, "\n}"));
