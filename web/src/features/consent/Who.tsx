import type { Request } from "../../api/types.gen";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";

/** Who says who asks, where the answer goes, and for what. All of it is the application's word, shown as text. */
export function Who({ request, code }: { request: Request; code: string }) {
  return (
    <Card title="Who asks">
      <dl className="grid gap-x-6 gap-y-2 text-sm sm:grid-cols-[max-content_1fr]">
        <Item name="It calls itself">
          <bdi className="font-medium break-words">{request.client_name}</bdi>
        </Item>
        {request.client_id && (
          <Item name="By the word of">
            <bdi className="font-medium">{hostOf(request.client_id)}</bdi>
          </Item>
        )}
        <Item name="The answer goes to">
          <strong className="break-all">{request.redirect_host}</strong>{" "}
          <span className="text-muted break-all">({request.redirect_uri})</span>
        </Item>
        {request.listener && (
          <Item name="There waits">
            <bdi className="font-medium">{request.listener}</bdi>
          </Item>
        )}
        <Item name="It asks for">{request.alias ? <>the server {request.alias} alone</> : <>your servers, through McpMux</>}</Item>
        <Item name="The request">
          <code>{code}</code> <span className="text-muted">as in mcpmux client list</span>
        </Item>
      </dl>
      <div className="mt-4">
        <Notice tone="warn">{warning(request)}</Notice>
      </div>
    </Card>
  );
}

function Item({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function hostOf(address: string): string {
  try {
    return new URL(address).host;
  } catch {
    return address;
  }
}

function warning(r: Request): string {
  if (r.loopback) return "Any program on this machine can call itself so. Go on only if you have just begun this in that application.";
  if (r.custom_scheme)
    return "The answer goes to whatever program opens such addresses. Go on only if you have just begun this in that application.";
  return `The answer leaves this machine, to ${r.redirect_host}. Go on only if you know that place and have just begun this there.`;
}
