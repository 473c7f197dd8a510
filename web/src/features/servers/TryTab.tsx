import type { Server } from "../../api/types.gen";

export function TryTab({ server: s }: { server: Server }) {
  return <p>{s.alias}</p>;
}
