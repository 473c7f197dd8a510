import type { Server } from "../../api/types.gen";

export function ConfigureTab({ server: s }: { server: Server }) {
  return <p>{s.alias}</p>;
}
