import { BrowsersCard } from "./BrowsersCard";
import { ClientsCard } from "./ClientsCard";
import { GatewayCard } from "./GatewayCard";
import { QuestionsCard } from "./QuestionsCard";
import { ServersCard } from "./ServersCard";

export function HomePage() {
  return (
    <>
      <h1 className="sr-only">McpMux</h1>
      <QuestionsCard />
      <GatewayCard />
      <ServersCard />
      <ClientsCard />
      <BrowsersCard />
    </>
  );
}
