import { type ReactNode, useId } from "react";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Notice } from "./Notice";

interface Props {
  title: string;
  description?: ReactNode;
  children: ReactNode; // the fields
  action: string; // the words of the button that sends them
  /** ready says that what has to be entered is. */
  ready?: boolean;
  busy: boolean;
  error: Error | null;
  onSubmit: () => void;
  onClose: () => void;
}

/** FormDialog asks for something in a dialog, with Cancel beside the button that sends it. */
export function FormDialog({ title, description, children, action, ready = true, busy, error, onSubmit, onClose }: Props) {
  const form = useId();
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={title}
      description={description}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} disabled={busy || !ready}>
            {action}
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="flex flex-col gap-4"
        onSubmit={(e) => {
          e.preventDefault();
          if (!busy && ready) onSubmit();
        }}
      >
        {children}
        {error && <Notice tone="bad">{error.message}</Notice>}
      </form>
    </Dialog>
  );
}
