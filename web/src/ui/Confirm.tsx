import { AlertDialog as Radix } from "radix-ui";
import { type ReactNode, useState } from "react";
import { Button } from "./Button";
import { TextField } from "./Field";
import { Notice } from "./Notice";
import { useGiveBack } from "./useGiveBack";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  children: ReactNode; // what is destroyed
  action: string; // the words of the button that does it
  onConfirm: () => void;
  busy?: boolean | undefined;
  error?: Error | null | undefined;
  /** type is a word to type first, for what cannot be made good again. */
  type?: string | undefined;
}

/** Confirm asks before something is destroyed. What Enter does at first is nothing: Cancel has the focus. */
export function Confirm(p: Props) {
  const giveBack = useGiveBack();
  return (
    <Radix.Root open={p.open} onOpenChange={p.onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/50" />
        <Radix.Content
          {...giveBack}
          className="fixed top-1/2 left-1/2 z-50 max-h-[90dvh] w-[calc(100vw-1.5rem)] max-w-lg -translate-x-1/2 -translate-y-1/2 overflow-y-auto rounded-2xl border border-line bg-surface p-5 shadow-xl"
        >
          <Radix.Title className="text-lg font-semibold break-words">{p.title}</Radix.Title>
          <Radix.Description asChild>
            <div className="mt-2 flex flex-col gap-2 text-sm">{p.children}</div>
          </Radix.Description>
          <Answer {...p} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function Answer({ type, action, onConfirm, busy = false, error }: Props) {
  const [typed, setTyped] = useState("");
  return (
    <form
      className="mt-4 flex flex-col gap-4"
      onSubmit={(e) => {
        e.preventDefault();
        if (!busy && (!type || typed === type)) onConfirm();
      }}
    >
      {type && <TextField label={`Type “${type}” to go on`} value={typed} onChange={setTyped} />}
      {error && <Notice tone="bad">{error.message}</Notice>}
      <div className="flex flex-wrap justify-end gap-3">
        <Radix.Cancel asChild>
          <Button>Cancel</Button>
        </Radix.Cancel>
        <Button look="destroy" type="submit" disabled={busy || (type !== undefined && typed !== type)}>
          {action}
        </Button>
      </div>
    </form>
  );
}
