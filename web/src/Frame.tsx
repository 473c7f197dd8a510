import { Outlet, useMatch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { useLoggedIn } from "./api/session";
import { OpenRequests } from "./features/consent/OpenRequests";
import { LoginPage } from "./features/login/LoginPage";
import { Questions } from "./features/questions/Questions";
import { Bar } from "./frame/Bar";
import { ElsewhereNotice } from "./frame/SpaceSwitcher";
import { useShortcuts } from "./frame/useShortcuts";
import { Toasts } from "./ui/Toast";

/** Frame is what every page is in. The consent page is shown to who is not logged in too: it says how to become so. */
export function Frame() {
  const loggedIn = useLoggedIn();
  const consent = useMatch({ from: "/consent/$id", shouldThrow: false }) !== undefined;
  return <Toasts>{loggedIn && !consent ? <Inside /> : <Outside>{consent ? <Outlet /> : <LoginPage />}</Outside>}</Toasts>;
}

/** Outside is a page by itself: who is here has one thing to do. */
function Outside({ children }: { children: React.ReactNode }) {
  return (
    <div className="mx-auto flex min-h-dvh max-w-3xl flex-col gap-6 px-4 py-6 sm:px-6">
      <header className="flex items-center gap-3">
        <img src="/icon.svg" alt="" className="size-8" />
        <span className="text-lg font-semibold">McpMux</span>
      </header>
      <main className="flex flex-col gap-6">{children}</main>
    </div>
  );
}

const Palette = lazy(() => import("./frame/Palette"));
const Keys = lazy(() => import("./frame/Keys"));

function Inside() {
  const [over, setOver] = useState<"" | "palette" | "keys">("");
  useShortcuts(setOver);
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[15rem_minmax(0,1fr)]">
      <a href="#main" className="sr-only z-50 rounded-lg bg-surface px-3 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2">
        To the page
      </a>
      <Bar onPalette={() => setOver("palette")} />
      <main id="main" tabIndex={-1} className="mx-auto flex w-full max-w-6xl flex-col gap-6 px-4 py-6 focus-visible:outline-none sm:px-8">
        <ElsewhereNotice />
        <OpenRequests />
        <Questions />
        <Suspense fallback={<p className="text-muted">Loading …</p>}>
          <Outlet />
        </Suspense>
      </main>
      <Suspense>
        {over === "palette" && <Palette onClose={() => setOver("")} />}
        {over === "keys" && <Keys onClose={() => setOver("")} />}
      </Suspense>
      <Follow />
    </div>
  );
}

/** Follow puts the focus on the page after one went to another, so that the keyboard goes on from there. */
function Follow() {
  const path = useMatch({ strict: false, select: (m) => m.pathname });
  const [first] = useState(path);
  useEffect(() => {
    if (path !== first) document.getElementById("main")?.focus({ preventScroll: true });
  }, [path, first]);
  return null;
}
