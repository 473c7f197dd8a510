import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useAct } from "../../api/queries";
import { addServer } from "../../api/servers";
import type { NewServer } from "../../api/types.gen";
import { ImportBox } from "../../connect/ImportBox";
import { useSpace } from "../../space";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { CheckField, SelectField, TextArea, TextField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";
import { type Pair, Pairs } from "./Pairs";

type Transport = "stdio" | "http" | "sse";

/** NewServerPage adds a server by hand: a command that runs here, or an address. */
export function NewServerPage() {
  useTitle("Add a server");
  const space = useSpace();
  const navigate = useNavigate();
  const [transport, setTransport] = useState<Transport>("stdio");
  const [alias, setAlias] = useState("");
  const [command, setCommand] = useState("");
  const [args, setArgs] = useState("");
  const [cwd, setCwd] = useState("");
  const [url, setURL] = useState("");
  const [pairs, setPairs] = useState<Pair[]>([]);
  const [everywhere, setEverywhere] = useState(false);
  const runs = transport === "stdio";
  const add = useAct((s: NewServer) => addServer(space?.id ?? "", s));
  const server = (): NewServer => ({
    alias: alias.trim(),
    definition: runs
      ? { transport, command: command.trim(), args: args.split("\n").filter((a) => a !== ""), ...(cwd.trim() && { cwd: cwd.trim() }) }
      : { transport, url: url.trim() },
    values: pairs
      .filter((p) => p.name.trim())
      .map((p) => ({ kind: runs ? "env" : "header", name: p.name.trim(), value: p.value, secret: p.secret })),
    ...(everywhere && { every_space: true }),
  });
  return (
    <>
      <PageTitle>Add a server</PageTitle>
      <Card title="Paste or import">
        <ImportBox />
      </Card>
      <form
        className="flex flex-col gap-6"
        onSubmit={(e) => {
          e.preventDefault();
          add.mutate(server(), { onSuccess: (s) => void navigate({ to: "/servers/$alias", params: { alias: s.alias } }) });
        }}
      >
        <Card title="By hand">
          <div className="flex flex-col gap-4">
            <SelectField
              label="It is"
              value={transport}
              onChange={(v) => setTransport(v as Transport)}
              options={[
                { value: "stdio", text: "a command that runs on this machine" },
                { value: "http", text: "an address (Streamable HTTP)" },
                { value: "sse", text: "an address of the older kind (HTTP with SSE)" },
              ]}
            />
            <TextField
              label="Alias"
              value={alias}
              onChange={setAlias}
              maxLength={60}
              help="What you call it. Its tools are named by it: with the alias github, create_issue is github_create_issue."
            />
            {runs ? (
              <>
                <TextField mono label="Command" value={command} onChange={setCommand} placeholder="npx" />
                <TextArea
                  mono
                  label="Arguments, one in each line"
                  value={args}
                  onChange={setArgs}
                  rows={3}
                  help="No quotes are needed. ${input:ID} stands for an input."
                />
                <TextField mono label="Folder to run in (optional)" value={cwd} onChange={setCwd} />
              </>
            ) : (
              <TextField mono label="Address" value={url} onChange={setURL} placeholder="https://example.com/mcp" />
            )}
            <Pairs
              title={runs ? "Environment variables" : "Headers"}
              word={runs ? "variable" : "header"}
              pairs={pairs}
              onChange={setPairs}
              help={
                runs
                  ? "What the command is given. Secrets are stored sealed, and never shown again."
                  : "What is sent with each request. Secrets are stored sealed, and never shown again. A login is not needed here: it is offered once the server asks for one."
              }
            />
            <CheckField
              label="In every Space"
              checked={everywhere}
              onChange={setEverywhere}
              help="Each Space, and each made later, gets a server of its own like this one."
            />
          </div>
        </Card>
        {add.error && <Notice tone="bad">{add.error.message}</Notice>}
        <Button type="submit" look="primary" className="self-start" disabled={add.isPending || !space}>
          {add.isPending ? "Adding …" : `Add it to ${space?.name ?? "…"}`}
        </Button>
      </form>
    </>
  );
}
