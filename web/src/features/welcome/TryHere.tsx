import { Link } from "@tanstack/react-router";
import { callFeature } from "../../api/calls";
import { useAct, useServers } from "../../api/queries";
import { useFeatures } from "../../api/servers";
import type { Feature, Server } from "../../api/types.gen";
import { useSpace } from "../../space";
import { Button, buttonClass } from "../../ui/Button";
import { Notice } from "../../ui/Notice";

/** TryHere makes a call from the dashboard, with a tool of the first server that works. */
export function TryHere() {
  const { data: servers } = useServers(useSpace()?.id);
  const server = servers?.find((s) => ["connected", "idle"].includes(s.status.state) && s.features.tools > 0);
  if (!server) return <p className="text-sm text-muted">Once a server works, you can make a call from here, too.</p>;
  return <Try server={server} />;
}

interface Raw {
  annotations?: { readOnlyHint?: boolean };
  inputSchema?: { required?: string[] };
}

/** harmless says whether a tool only reads, as its server says, and needs to be told nothing. */
function harmless(f: Feature): boolean {
  const raw = (f.raw ?? {}) as Raw;
  return f.kind === "tool" && raw.annotations?.readOnlyHint === true && (raw.inputSchema?.required ?? []).length === 0;
}

function Try({ server: s }: { server: Server }) {
  const { data: features } = useFeatures(s);
  const tool = features?.find(harmless);
  const call = useAct((f: Feature) => callFeature(s, f, "{}", ""));
  return (
    <div className="flex flex-wrap items-center gap-3">
      {tool ? (
        <>
          <Button look="primary" onClick={() => call.mutate(tool)} disabled={call.isPending}>
            {call.isPending ? "Calling …" : "Try it here"}
          </Button>
          <span className="text-sm text-muted">
            calls {tool.name} of {s.alias}, which only reads
          </span>
        </>
      ) : (
        <Link
          to="/servers/$alias"
          params={{ alias: s.alias }}
          search={(old) => ({ ...old, tab: "try" })}
          className={buttonClass("primary")}
        >
          Try a tool of {s.alias}
        </Link>
      )}
      {call.error && <Notice tone="bad">{call.error.message}</Notice>}
    </div>
  );
}
