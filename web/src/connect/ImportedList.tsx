import { Link } from "@tanstack/react-router";
import { useServers } from "../api/queries";
import type { Imported } from "../api/types.gen";
import { useSpace } from "../space";
import { stateTones, stateWords } from "../state";
import { Badge } from "../ui/Badge";

/** ImportedList is what became of an import, as it goes on: each server with the state that it is in now. */
export function ImportedList({ made }: { made: Imported }) {
  const { data: servers } = useServers(useSpace()?.id);
  return (
    <section aria-label="What was added" className="rounded-lg border border-line p-4">
      <ul className="flex flex-col gap-2">
        {made.servers.map((r) => {
          const state = servers?.find((s) => s.alias === r.alias)?.status.state;
          return (
            <li key={r.alias} className="flex flex-wrap items-center gap-2 text-sm">
              {r.added ? (
                <>
                  <Link to="/servers/$alias" params={{ alias: r.alias }} className="font-medium text-accent underline">
                    {r.alias}
                  </Link>
                  <span>{r.enabled ? "is added" : "is added, switched off: look at it before you switch it on"}</span>
                  {state && <Badge tone={stateTones[state]}>{stateWords[state]}</Badge>}
                </>
              ) : (
                <span role="alert" className="text-bad">
                  {r.alias} was not added: {r.error}
                </span>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
