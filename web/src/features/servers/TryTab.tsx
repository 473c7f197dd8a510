import { useMemo } from "react";
import { useFeatures } from "../../api/servers";
import type { Feature, Server } from "../../api/types.gen";
import { useParam } from "../../param";
import { Card } from "../../ui/Card";
import { Empty } from "../../ui/Empty";
import { SelectField } from "../../ui/Field";
import { Json } from "../../ui/Json";
import { Notice } from "../../ui/Notice";
import type { Schema } from "../../ui/schema";
import { Use } from "./Use";

/** TryTab uses what a server offers, as a client would: a tool, a prompt or a resource. */
export function TryTab({ server: s }: { server: Server }) {
  const { data, error } = useFeatures(s);
  const [param, choose] = useParam("feature");
  const features = useMemo(() => (data ?? []).toSorted((a, b) => order(a) - order(b)), [data]);
  const chosen = features.find((f) => id(f) === param) ?? features[0];
  if (error) return <Notice tone="bad">{error.message}</Notice>;
  if (!data) return <p className="text-muted">Looking up what it offers …</p>;
  if (!chosen)
    return (
      <Empty title="There is nothing to try yet">
        <p>What the server offers is known once it was connected.</p>
      </Empty>
    );
  return (
    <>
      <SelectField
        label="What to try"
        value={id(chosen)}
        onChange={choose}
        options={features.map((f) => ({ value: id(f), text: `${f.name} (${f.kind})` }))}
        help={chosen.description}
      />
      <Use key={id(chosen)} server={s} feature={chosen} schema={schemaOf(chosen)} />
      <Card title="Its definition">
        <Json label={`The definition of ${chosen.name}`} value={chosen.raw} />
      </Card>
    </>
  );
}

const kinds: Feature["kind"][] = ["tool", "prompt", "resource", "template"];
const order = (f: Feature) => kinds.indexOf(f.kind);
const id = (f: Feature) => `${f.kind}:${f.name}`;

interface Raw {
  inputSchema?: Schema;
  arguments?: { name: string; title?: string; description?: string; required?: boolean }[];
}

/** schemaOf is what a Feature wants to be given: a tool says it, a prompt names its arguments, a template has its URI's. */
function schemaOf(f: Feature): Schema {
  const raw = (f.raw ?? {}) as Raw;
  switch (f.kind) {
    case "tool":
      return { type: "object", ...raw.inputSchema };
    case "prompt": {
      const all = raw.arguments ?? [];
      return {
        type: "object",
        required: all.filter((a) => a.required).map((a) => a.name),
        properties: Object.fromEntries(
          all.map((a) => [
            a.name,
            { type: "string", ...(a.title && { title: a.title }), ...(a.description && { description: a.description }) },
          ]),
        ),
      };
    }
    case "template":
      return {
        type: "object",
        required: ["uri"],
        properties: { uri: { type: "string", title: "Address", description: `Of the form ${f.name}`, minLength: 1, default: f.name } },
      };
    case "resource":
      return { type: "object" };
  }
}
