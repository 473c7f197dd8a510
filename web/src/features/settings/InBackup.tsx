import type { MissingValue, Restore } from "../../api/types.gen";
import { plural } from "../../ui/plural";
import { Time } from "../../ui/Time";

/** InBackup says what is in a backup. */
export function InBackup({ backup: b }: { backup: Restore }) {
  const how = b.sealed ? "sealed with a passphrase" : b.own ? "sealed with a key of this machine" : "without secrets";
  return (
    <div className="flex flex-col gap-2 text-sm">
      <p>
        Made <Time at={b.made_at} /> by McpMux {b.version}, {how}.
      </p>
      {b.opened && (
        <ul className="list-disc pl-5 break-words">
          {b.spaces.map((s) => (
            <li key={s.name}>
              Space <bdi className="font-medium">{s.name}</bdi>: {s.servers.length > 0 ? s.servers.join(", ") : "no servers"}
            </li>
          ))}
          <li>{b.clients.length > 0 ? `${plural(b.clients.length, "client")}: ${b.clients.join(", ")}` : "no clients"}</li>
          <li>
            {plural(b.keys, "access key")}, {plural(b.featuresets, "FeatureSet")}, {plural(b.values, "value")}, {plural(b.logins, "login")},{" "}
            {plural(b.settings, "changed setting")}
          </li>
        </ul>
      )}
      <Missing values={b.missing} />
      {b.lacks.length > 0 && (
        <div>
          <p>Not in it:</p>
          <ul className="list-disc pl-5 break-words">
            {b.lacks.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

/** Missing names the values that servers will ask for. */
export function Missing({ values }: { values: MissingValue[] }) {
  if (values.length === 0) return null;
  return (
    <div>
      <p>These values are not in it; their servers ask for them:</p>
      <ul className="list-disc pl-5 break-words">
        {values.map((v) => (
          <li key={`${v.space} ${v.server} ${v.kind} ${v.name}`}>
            {v.server}: {v.name}
          </li>
        ))}
      </ul>
    </div>
  );
}
