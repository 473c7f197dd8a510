import type { RouteComponent } from "@tanstack/react-router";
import { createRootRoute, createRoute, createRouter, Link, lazyRouteComponent, retainSearchParams } from "@tanstack/react-router";
import { Frame } from "./Frame";
import { ConsentPage } from "./features/consent/ConsentPage";
import { HomePage } from "./features/home/HomePage";

/** Search are the parameters that every page has; a page reads those of its own with useParam. */
export interface Search {
  /** space is the id of the Space that is looked at; absent, the active one. */
  space?: string | undefined;
  [own: string]: string | undefined;
}

const root = createRootRoute({
  component: Frame,
  notFoundComponent: NotFound,
  validateSearch: (s: Record<string, unknown>) => s as Search,
  search: { middlewares: [retainSearchParams<Search>(["space"])] },
});

const page = <P extends string>(path: P, component: RouteComponent) => createRoute({ getParentRoute: () => root, path, component });

const server = createRoute({
  getParentRoute: () => root,
  path: "/servers/$alias",
  component: () => {
    const { alias } = server.useParams();
    return <ServerPage key={alias} alias={alias} />;
  },
});
const ServerPage = lazyRouteComponent(() => import("./features/servers/ServerPage"), "ServerPage");

const featureSet = createRoute({
  getParentRoute: () => root,
  path: "/featuresets/$name",
  component: () => {
    const { name } = featureSet.useParams();
    return <FeatureSetPage key={name} name={name} />;
  },
});
const FeatureSetPage = lazyRouteComponent(() => import("./features/featuresets/FeatureSetPage"), "FeatureSetPage");

const client = createRoute({
  getParentRoute: () => root,
  path: "/clients/$name",
  component: () => {
    const { name } = client.useParams();
    return <ClientPage key={name} name={name} />;
  },
});
const ClientPage = lazyRouteComponent(() => import("./features/clients/ClientPage"), "ClientPage");

const consent = createRoute({
  getParentRoute: () => root,
  path: "/consent/$id",
  component: () => {
    const { id } = consent.useParams();
    return <ConsentPage key={id} id={id} />;
  },
});

// Home and consent are what people come for first; the other pages are fetched when they are wanted.
export const router = createRouter({
  routeTree: root.addChildren([
    page("/", HomePage),
    page(
      "/welcome",
      lazyRouteComponent(() => import("./features/welcome/WelcomePage"), "WelcomePage"),
    ),
    page(
      "/servers",
      lazyRouteComponent(() => import("./features/servers/ServersPage"), "ServersPage"),
    ),
    page(
      "/servers/new",
      lazyRouteComponent(() => import("./features/servers/NewServerPage"), "NewServerPage"),
    ),
    server,
    page(
      "/featuresets",
      lazyRouteComponent(() => import("./features/featuresets/FeatureSetsPage"), "FeatureSetsPage"),
    ),
    featureSet,
    page(
      "/spaces",
      lazyRouteComponent(() => import("./features/spaces/SpacesPage"), "SpacesPage"),
    ),
    page(
      "/clients",
      lazyRouteComponent(() => import("./features/clients/ClientsPage"), "ClientsPage"),
    ),
    client,
    page(
      "/activity",
      lazyRouteComponent(() => import("./features/activity/ActivityPage"), "ActivityPage"),
    ),
    page(
      "/settings",
      lazyRouteComponent(() => import("./features/settings/SettingsPage"), "SettingsPage"),
    ),
    consent,
  ]),
  // Parameters are texts as they are in the address.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const given = Object.entries(search).filter(([, v]) => v !== undefined && v !== "");
    return given.length > 0 ? `?${new URLSearchParams(given)}` : "";
  },
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

function NotFound() {
  return (
    <p>
      There is no such page. <Link to="/">Back to the start</Link>
    </p>
  );
}
