import { createRootRoute, createRoute, createRouter, Link } from "@tanstack/react-router";
import { Frame } from "./Frame";
import { ConsentPage } from "./features/consent/ConsentPage";
import { HomePage } from "./features/home/HomePage";

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound });
const home = createRoute({ getParentRoute: () => root, path: "/", component: HomePage });
const consent = createRoute({ getParentRoute: () => root, path: "/consent/$id", component: Consent });

export const router = createRouter({ routeTree: root.addChildren([home, consent]) });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

function Consent() {
  const { id } = consent.useParams();
  return <ConsentPage key={id} id={id} />;
}

function NotFound() {
  return (
    <p>
      There is no such page. <Link to="/">Back to the start</Link>
    </p>
  );
}
