import { useState } from "react";
import { useAct } from "../../api/queries";
import { beginLogin, doServer, endLogin } from "../../api/servers";
import type { Login, Server } from "../../api/types.gen";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { CopyButton } from "../../ui/CopyButton";
import { Disclosure } from "../../ui/Disclosure";
import { TextField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { openLogin } from "./openLogin";

/** LoginCard is McpMux's login to a server: what there is of it, and how to begin or end it. */
export function LoginCard({ server: s }: { server: Server }) {
  const login = useAct(() => openLogin(s));
  const logout = useAct(() => doServer(s, "logout"));
  const problem = login.error ?? logout.error;
  return (
    <Card title="Login">
      {s.logged_in ? (
        <Have server={s} />
      ) : (
        <p className="text-sm">{s.status.login_wanted ? "It wants you to log in." : "It is used without a login."}</p>
      )}
      {s.logged_in && s.status.login_wanted && <p className="mt-2 text-sm text-warn">It wants more rights: log in again.</p>}
      {problem && <Notice tone="bad">{problem.message}</Notice>}
      <div className="mt-4 flex flex-wrap gap-3">
        <Button look={s.status.login_wanted ? "primary" : "plain"} onClick={() => login.mutate()} disabled={login.isPending}>
          {s.logged_in ? "Log in again" : "Log in"}
        </Button>
        {s.logged_in && (
          <Button look="danger" onClick={() => logout.mutate()} disabled={logout.isPending}>
            {logout.isPending ? "Logging out …" : "Log out"}
          </Button>
        )}
      </div>
      <div className="mt-4">
        <Disclosure title="The browser to log in with is on another machine">
          <Elsewhere server={s} />
        </Disclosure>
      </div>
    </Card>
  );
}

function Have({ server: s }: { server: Server }) {
  const at = s.logged_in;
  if (!at) return null;
  return (
    <dl className="grid gap-x-6 gap-y-2 text-sm sm:grid-cols-[max-content_1fr]">
      <dt className="text-muted">Logged in at</dt>
      <dd className="break-all">{new URL(at.issuer).host}</dd>
      <dt className="text-muted">Since</dt>
      <dd>
        <Time at={at.obtained_at} />
      </dd>
      <dt className="text-muted">Lasts</dt>
      <dd>
        {at.renewable ? "renewed by itself" : at.expires_at ? `until ${new Date(at.expires_at).toLocaleString()}` : "until it is ended"}
      </dd>
      {at.scopes && at.scopes.length > 0 && (
        <>
          <dt className="text-muted">Rights</dt>
          <dd className="break-words">{at.scopes.join(", ")}</dd>
        </>
      )}
    </dl>
  );
}

/** Elsewhere logs in with a browser that does not reach this machine: by the address that it ends at, or by a code. */
function Elsewhere({ server: s }: { server: Server }) {
  const [begun, setBegun] = useState<Login>();
  const [address, setAddress] = useState("");
  const paste = useAct(() => beginLogin(s, "paste"));
  const device = useAct(() => beginLogin(s, "device"));
  const end = useAct(() => endLogin(s, address.trim()));
  const problem = paste.error ?? device.error ?? end.error;
  return (
    <div className="flex flex-col gap-3 text-sm">
      <div className="flex flex-wrap gap-3">
        <Button onClick={() => paste.mutate(undefined, { onSuccess: setBegun })} disabled={paste.isPending}>
          Log in by an address
        </Button>
        <Button onClick={() => device.mutate(undefined, { onSuccess: setBegun })} disabled={device.isPending}>
          Log in by a code
        </Button>
      </div>
      {problem && <Notice tone="bad">{problem.message}</Notice>}
      {begun?.url && (
        <>
          <p className="flex flex-wrap items-center gap-2">
            Open <code>{begun.url}</code> there. <CopyButton text={begun.url} label="Copy the address of the login" />
          </p>
          {begun.user_code ? (
            <p>
              Type in the code <code>{begun.user_code}</code>. This page goes on by itself.
            </p>
          ) : (
            <form
              className="flex flex-col gap-3"
              onSubmit={(e) => {
                e.preventDefault();
                end.mutate(undefined, { onSuccess: () => setBegun(undefined) });
              }}
            >
              <TextField
                label="The address that the browser ends at"
                help="It begins with http://localhost; the browser may say that it cannot be reached."
                value={address}
                onChange={setAddress}
              />
              <Button type="submit" className="self-start" disabled={end.isPending || !address.trim()}>
                End the login
              </Button>
            </form>
          )}
        </>
      )}
    </div>
  );
}
