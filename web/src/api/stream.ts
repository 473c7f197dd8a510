import { ask } from "./client";

/** Event is one of a stream: its name, its data as text, and the id to go on after, if it has one. */
export interface Event {
  name: string;
  data: string;
  id: string;
}

/**
 * readEvents reads a stream of events until it ends. It is fetched, since an EventSource cannot send the login's header.
 * begun is called when the daemon has answered.
 */
export async function readEvents(path: string, init: RequestInit, begun: () => void, each: (e: Event) => void): Promise<void> {
  const answer = await ask(path, init);
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  begun();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const field = (name: string) => block.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1] ?? "";
      if (field("event")) each({ name: field("event"), data: field("data"), id: field("id") });
    }
  }
}
