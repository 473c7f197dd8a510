import { useTitle } from "../../ui/useTitle";
import { AttentionCard } from "./AttentionCard";
import { CallsCard } from "./CallsCard";
import { ClientsCard } from "./ClientsCard";
import { ConnectCard } from "./ConnectCard";
import { GatewayCard } from "./GatewayCard";
import { ServersCard } from "./ServersCard";
import { Start } from "./Start";

/** HomePage is the state of everything at a glance, with what to do about it. */
export function HomePage() {
  useTitle("");
  return (
    <>
      <h1 className="sr-only">Home</h1>
      <GatewayCard />
      <Start />
      <AttentionCard />
      <CallsCard />
      <ConnectCard />
      <div className="grid items-start gap-6 *:min-w-0 lg:grid-cols-2">
        <ServersCard />
        <ClientsCard />
      </div>
    </>
  );
}
