import { Outlet, useMatch } from "@tanstack/react-router";
import { useState } from "react";
import { useLive } from "./api/events";
import { logout, useLoggedIn } from "./api/session";
import { OpenRequests } from "./features/consent/OpenRequests";
import { LoginPage } from "./features/login/LoginPage";
import { Button } from "./ui/Button";
import { Notice } from "./ui/Notice";

/** Frame is what every page is in. The consent page is shown to who is not logged in too: it says how to become so. */
export function Frame() {
  const loggedIn = useLoggedIn();
  const consent = useMatch({ from: "/consent/$id", shouldThrow: false }) !== undefined;
  return (
    <div className="mx-auto flex min-h-dvh max-w-5xl flex-col gap-6 px-4 py-5 sm:px-6">
      <Header loggedIn={loggedIn} />
      <main className="flex flex-col gap-6">
        {loggedIn && !consent && <OpenRequests />}
        {loggedIn || consent ? <Outlet /> : <LoginPage />}
      </main>
    </div>
  );
}

function Header({ loggedIn }: { loggedIn: boolean }) {
  const live = useLive();
  const [problem, setProblem] = useState("");
  return (
    <header className="flex flex-wrap items-center gap-3">
      <img src="/icon.svg" alt="" className="size-8" />
      <span className="text-lg font-semibold">McpMux</span>
      {loggedIn && (
        <>
          <p role="status" className="text-sm text-muted">
            {live ? "live" : "connecting …"}
          </p>
          <Button className="ml-auto" onClick={() => logout().catch((err: Error) => setProblem(err.message))}>
            Log out
          </Button>
        </>
      )}
      {problem && <Notice tone="bad">{problem}</Notice>}
    </header>
  );
}
