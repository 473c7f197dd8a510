import type { ReactNode } from "react";
import type { Input } from "../../api/types.gen";
import { NumberField, SecretField, SelectField, TextField } from "../../ui/Field";

interface Props {
  input: Input;
  stored: boolean;
  value: string;
  onChange: (v: string) => void;
  error: string | undefined;
}

/** InputField asks for the value of an Input, as its type says. */
export function InputField({ input: i, stored, value, onChange, error }: Props) {
  const label = `${i.label ?? i.id}${i.required ? "" : " (optional)"}`;
  const common = { label, value, onChange, error, help: <Help input={i} /> };
  if (hidden(i)) return <SecretField {...common} stored={stored} />;
  const none = i.default ? `not said: ${i.default}` : i.required ? "choose …" : "none";
  switch (i.type) {
    case "select":
      return (
        <SelectField
          {...common}
          options={[
            { value: "", text: none },
            ...(i.options ?? []).map((o) => ({
              value: o.value,
              text: o.description ? `${o.label ?? o.value}: ${o.description}` : (o.label ?? o.value),
            })),
          ]}
        />
      );
    case "boolean":
      return (
        <SelectField
          {...common}
          options={[
            { value: "", text: none },
            { value: "true", text: "yes" },
            { value: "false", text: "no" },
          ]}
        />
      );
    case "number":
      return <NumberField {...common} />;
    default:
      return (
        <TextField
          {...common}
          mono={i.type !== "text"}
          placeholder={i.placeholder ?? (i.default ? `${i.default}, if nothing is entered` : shape(i.type))}
        />
      );
  }
}

/** hidden says whether an Input is a secret. */
export const hidden = (i: Input) => i.secret === true || i.type === "password";

function shape(type: Input["type"]): string {
  switch (type) {
    case "url":
      return "https://example.com";
    case "file_path":
      return "/path/to/a/file";
    case "directory_path":
      return "/path/to/a/folder";
    default:
      return "";
  }
}

function Help({ input: i }: { input: Input }): ReactNode {
  if (!i.description && !i.obtain) return <code>{i.id}</code>;
  return (
    <>
      {i.description} {i.obtain?.instructions}{" "}
      {i.obtain?.url && (
        <a href={i.obtain.url} target="_blank" rel="noreferrer" className="text-accent underline">
          Where to get it
        </a>
      )}
    </>
  );
}
