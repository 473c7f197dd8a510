import { useValues } from "../../api/servers";
import type { Server, ServerValue } from "../../api/types.gen";
import { Notice } from "../../ui/Notice";
import { ConfigureForm } from "./ConfigureForm";

/** ConfigureTab changes what a server is given, and how it is connected and named. */
export function ConfigureTab({ server }: { server: Server }) {
  const { data, error } = useValues(server);
  if (error) return <Notice tone="bad">{error.message}</Notice>;
  if (!data) return <p className="text-muted">Looking up its values …</p>;
  return <ConfigureForm key={stamp(server, data)} server={server} values={data} />;
}

// A form begins anew where what it is about became another.
const stamp = (s: Server, values: ServerValue[]) =>
  JSON.stringify([s.definition, values, s.isolation, s.idle_timeout, s.call_timeout, s.prefix, s.roots, s.max_processes]);
