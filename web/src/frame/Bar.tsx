import { Link } from "@tanstack/react-router";
import { Activity, House, Layers, LayoutGrid, Menu as MenuIcon, MonitorSmartphone, Search, Server, Settings } from "lucide-react";
import { useState } from "react";
import { useLive } from "../api/events";
import { useStatus } from "../api/queries";
import { logout } from "../api/session";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { SpaceSwitcher } from "./SpaceSwitcher";

/** pages are those of the bar, each with the letter that goes to it after a "g". */
export const pages = [
  { to: "/", text: "Home", icon: House, key: "h" },
  { to: "/servers", text: "Servers", icon: Server, key: "s" },
  { to: "/featuresets", text: "FeatureSets", icon: Layers, key: "f" },
  { to: "/clients", text: "Clients", icon: MonitorSmartphone, key: "c" },
  { to: "/activity", text: "Activity", icon: Activity, key: "a" },
  { to: "/spaces", text: "Spaces", icon: LayoutGrid, key: "p" },
  { to: "/settings", text: "Settings", icon: Settings, key: "e" },
] as const;

/** Bar is at the left of every page, and at its top where that is narrow. */
export function Bar({ onPalette }: { onPalette: () => void }) {
  const [open, setOpen] = useState(false);
  return (
    <header className="border-line bg-surface max-md:border-b md:sticky md:top-0 md:flex md:h-dvh md:flex-col md:overflow-y-auto md:border-r">
      <div className="flex items-center gap-2.5 px-4 py-3 md:py-5">
        <img src="/icon.svg" alt="" className="size-7" />
        <span className="mr-auto text-base font-semibold">McpMux</span>
        <button
          type="button"
          className="rounded-lg border border-line p-2 md:hidden"
          aria-expanded={open}
          aria-controls="bar"
          aria-label="Pages"
          onClick={() => setOpen(!open)}
        >
          <MenuIcon aria-hidden className="size-4" />
        </button>
      </div>
      <div id="bar" className={`${open ? "flex" : "hidden"} grow flex-col gap-4 px-3 pb-4 md:flex`}>
        <SpaceSwitcher />
        <button
          type="button"
          onClick={onPalette}
          className="flex items-center gap-2 rounded-lg border border-line bg-canvas px-3 py-2 text-sm text-muted hover:text-ink"
        >
          <Search aria-hidden className="size-4" />
          Find or do
          <kbd className="ml-auto font-mono text-xs">{mac ? "⌘K" : "Ctrl K"}</kbd>
        </button>
        <nav aria-label="Pages">
          <ul className="flex flex-col gap-0.5">
            {pages.map(({ to, text, icon: Icon }) => (
              <li key={to}>
                <Link
                  to={to}
                  activeOptions={{ exact: to === "/", includeSearch: false }}
                  className="flex items-center gap-3 rounded-lg px-3 py-2 text-sm font-medium text-muted hover:bg-raised hover:text-ink data-[status=active]:bg-raised data-[status=active]:text-ink"
                  onClick={() => setOpen(false)}
                >
                  <Icon aria-hidden className="size-4" />
                  {text}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <Foot />
      </div>
    </header>
  );
}

const mac = /Mac|iPhone|iPad/.test(navigator.userAgent);

/** Foot says how the gateway is, whether the page is live, and ends the login. */
function Foot() {
  const { data: status } = useStatus();
  const live = useLive();
  const [problem, setProblem] = useState("");
  const running = status?.gateway === "running";
  return (
    <div className="mt-auto flex flex-col gap-3 border-t border-line pt-4 text-sm">
      {status && (
        <p className="flex items-center gap-2 px-3">
          <span aria-hidden className={`size-2 rounded-full ${running ? "bg-good" : "border border-muted"}`} />
          Gateway {running ? "running" : "stopped"}
        </p>
      )}
      <p role="status" className="px-3 text-xs text-muted">
        {live ? "Shown live" : "Connecting …"}
      </p>
      <Button look="bare" className="justify-start" onClick={() => logout().catch((err: Error) => setProblem(err.message))}>
        Log out
      </Button>
      {problem && <Notice tone="bad">{problem}</Notice>}
    </div>
  );
}
