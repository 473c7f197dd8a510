import { Link } from "@tanstack/react-router";
import type { ClientEffect, SetPreview } from "../../api/types.gen";
import { Card } from "../../ui/Card";
import { Disclosure } from "../../ui/Disclosure";
import { plural } from "../../ui/plural";

/** Outcome says what the set would be, and what each client would gain and lose by it. */
export function Outcome({ preview: p, fresh }: { preview: SetPreview; fresh: boolean }) {
  const gained = p.features.filter((f) => f.in && !f.was).map((f) => f.qualified ?? f.name);
  const lost = p.features.filter((f) => f.was && !f.in).map((f) => f.qualified ?? f.name);
  return (
    <Card title="Outcome">
      <p role="status" className={`text-sm ${fresh ? "" : "text-muted"}`}>
        It selects {p.in.toLocaleString()} of {p.features.length.toLocaleString()}
        {p.gained + p.lost > 0 ? `: ${p.gained.toLocaleString()} gained, ${p.lost.toLocaleString()} lost.` : ", as it does now."}
      </p>
      <div className="mt-3 flex flex-col gap-3">
        <Names title="Gained" names={gained} />
        <Names title="Lost" names={lost} />
        {p.idle.length > 0 && <Names title="Members that name nothing now" names={p.idle} />}
      </div>
      <h3 className="mt-5 mb-2 text-sm font-semibold">Clients that see something else then</h3>
      {p.clients.length === 0 ? (
        <p className="text-sm text-muted">None.</p>
      ) : (
        <ul className="flex flex-col gap-3 text-sm">
          {p.clients.map((c) => (
            <li key={c.client}>
              <Affected effect={c} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Affected({ effect: c }: { effect: ClientEffect }) {
  const words = [
    c.gains.length > 0 && `gains ${c.gains.length.toLocaleString()}`,
    c.loses.length > 0 && `loses ${c.loses.length.toLocaleString()}`,
  ];
  return (
    <>
      <p>
        <Link to="/clients/$name" params={{ name: c.client }} className="font-medium hover:underline">
          <bdi>{c.client}</bdi>
        </Link>{" "}
        {words.filter(Boolean).join(", ")}
        {!c.now && <span className="text-muted"> once it is let in and in this Space</span>}
      </p>
      <div className="mt-1 ml-2 flex flex-col gap-1">
        <Names title="It gains" names={c.gains} />
        <Names title="It loses" names={c.loses} />
      </div>
    </>
  );
}

const most = 200; // names of one list; the tree shows the others

function Names({ title, names }: { title: string; names: string[] }) {
  if (names.length === 0) return null;
  return (
    <Disclosure title={`${title}: ${names.length.toLocaleString()}`} open={names.length <= 5}>
      <ul className="font-mono text-xs break-all">
        {names.slice(0, most).map((n) => (
          <li key={n}>{n}</li>
        ))}
        {names.length > most && <li>and {plural(names.length - most, "other")}</li>}
      </ul>
    </Disclosure>
  );
}
