import type { Called } from "../../api/calls";
import type { Server } from "../../api/types.gen";
import { Badge } from "../../ui/Badge";
import { CopyButton } from "../../ui/CopyButton";
import { Disclosure } from "../../ui/Disclosure";
import { Text } from "../../ui/Json";

interface Content {
  type?: string;
  text?: string;
  data?: string;
  mimeType?: string;
  uri?: string;
  blob?: string;
  resource?: Content;
  content?: Content;
}

interface Result {
  content?: Content[];
  contents?: Content[];
  messages?: { role?: string; content?: Content }[];
  structuredContent?: unknown;
  isError?: boolean;
}

/** Answer shows what a server answered: for people, and the bytes as they came. */
export function Answer({ server: s, called }: { server: Server; called: Called }) {
  const result = read(called.answer);
  const parts = result?.content ?? result?.contents ?? result?.messages?.map((m) => m.content ?? {}) ?? [];
  return (
    <div className="flex flex-col gap-3">
      <p role="status" className="flex flex-wrap items-center gap-2 text-sm">
        {result?.isError ? <Badge tone="bad">the tool reports an error</Badge> : <Badge tone="good">answered</Badge>}
        <span className="text-muted">
          after {Math.round(called.ms)} ms, {new TextEncoder().encode(called.answer).length} bytes
        </span>
      </p>
      {parts.map((c, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one answer never change
        <Part key={i} content={c.resource ?? c} n={i + 1} />
      ))}
      {result?.structuredContent !== undefined && (
        <Disclosure title="Structured content">
          <Text label="Structured content" text={JSON.stringify(result.structuredContent, null, 2)} />
        </Disclosure>
      )}
      <Disclosure title="Request and answer as they went">
        <div className="flex flex-col gap-3">
          <Text label="The request" text={called.request} />
          <Text label="The answer" text={called.answer} />
        </div>
      </Disclosure>
      <div className="flex flex-wrap gap-3">
        <CopyButton text={called.answer} label="Copy the answer" />
        {called.command && (
          <CopyButton text={called.command} label={`Copy as a command for ${s.alias}`}>
            Copy as a command
          </CopyButton>
        )}
      </div>
    </div>
  );
}

function read(text: string): Result | undefined {
  try {
    return JSON.parse(text) as Result;
  } catch {
    return undefined;
  }
}

const shownImages = /^image\/(png|jpeg|gif|webp)$/;

function Part({ content: c, n }: { content: Content; n: number }) {
  const bytes = c.data ?? c.blob;
  if (bytes && shownImages.test(c.mimeType ?? ""))
    return (
      <img
        src={`data:${c.mimeType};base64,${bytes}`}
        alt={`Part ${n} of the answer`}
        className="max-h-80 self-start rounded-lg border border-line"
      />
    );
  if (c.text !== undefined) return <Text label={`Part ${n} of the answer`} text={c.text} />;
  return (
    <p className="text-sm text-muted">
      Part {n}: {c.type ?? "content"} {c.uri ?? ""} {c.mimeType ?? ""} {bytes ? `(${bytes.length} characters of base64)` : ""}
    </p>
  );
}
