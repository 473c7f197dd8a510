import { post } from "../../api/client";
import { useAct, useServers } from "../../api/queries";
import type { Server, ServerStatus } from "../../api/types.gen";
import { Badge, type Tone } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { Row, Table } from "../../ui/Table";

const tones: Record<ServerStatus["state"], Tone> = {
  connected: "good",
  idle: "good",
  connecting: "warn",
  login_required: "warn",
  error: "bad",
  disabled: "quiet",
  stopped: "quiet",
};

export function ServersCard() {
  const { data: servers, error } = useServers();
  return (
    <Card title="Servers">
      {error && <Notice tone="bad">{error.message}</Notice>}
      {servers?.length === 0 && (
        <p className="text-muted">
          There are none in this Space yet: <code>mcpmux server add</code> adds one.
        </p>
      )}
      {servers && servers.length > 0 && (
        <Table label="Servers" head={["Server", "State", "Offers", "Login", "Switch"]}>
          {servers.map((s) => (
            <ServerRow key={s.id} server={s} />
          ))}
        </Table>
      )}
    </Card>
  );
}

function ServerRow({ server: s }: { server: Server }) {
  const f = s.features;
  return (
    <Row
      name={s.alias}
      cells={[
        <div key="state">
          <Badge tone={tones[s.status.state]}>{s.status.state.replace("_", " ")}</Badge>
          {s.status.reason && <p className="mt-1 max-w-md text-xs text-muted break-words">{s.status.reason}</p>}
        </div>,
        `${f.tools} tools, ${f.prompts} prompts, ${f.resources + f.templates} resources`,
        <Login key="login" server={s} />,
        <Switch key="switch" server={s} />,
      ]}
    />
  );
}

function Switch({ server: s }: { server: Server }) {
  const turn = useAct(() => post(["servers", s.alias, s.enabled ? "disable" : "enable"], undefined, { space: s.space_id }));
  const text = s.enabled ? "Switch off" : "Switch on";
  return (
    <>
      <Button onClick={() => turn.mutate()} disabled={turn.isPending} aria-label={`${text} ${s.alias}`}>
        {text}
      </Button>
      {turn.error && <Notice tone="bad">{turn.error.message}</Notice>}
    </>
  );
}

function Login({ server: s }: { server: Server }) {
  const login = useAct(() => openLogin(s));
  const logout = useAct(() => post(["servers", s.alias, "logout"], undefined, { space: s.space_id }));
  const at = s.logged_in;
  const ends = at?.expires_at && !at.renewable ? `, until ${new Date(at.expires_at).toLocaleString()}` : "";
  const error = login.error ?? logout.error;
  return (
    <div className="flex flex-wrap items-center gap-2">
      {at && (
        <small className="text-muted">
          at {new URL(at.issuer).host}
          {ends}
        </small>
      )}
      {s.status.login_wanted && (
        <Button onClick={() => login.mutate()} disabled={login.isPending} aria-label={`Log in to ${s.alias}`}>
          Log in
        </Button>
      )}
      {at && (
        <Button onClick={() => logout.mutate()} disabled={logout.isPending} aria-label={`Log out of ${s.alias}`}>
          Log out
        </Button>
      )}
      {error && <Notice tone="bad">{error.message}</Notice>}
    </div>
  );
}

// openLogin opens the way to a server's login in a tab of its own. The tab is opened at once, since a browser lets only a
// press of a button do that.
async function openLogin(s: Server) {
  const tab = window.open("about:blank");
  try {
    const { url } = await post<{ url?: string }>(["servers", s.alias, "login"], {}, { space: s.space_id });
    if (url && !tab) throw new Error(`the browser opened no tab; allow this page to do that, or run: mcpmux server login ${s.alias}`);
    if (url) tab?.location.replace(url);
    else tab?.close();
  } catch (err) {
    tab?.close();
    throw err;
  }
}
