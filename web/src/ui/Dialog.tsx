import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { useGiveBack } from "./useGiveBack";

interface Props {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
  wide?: boolean;
}

/** Dialog asks for something before anything else goes on. It gives the focus back to what opened it. */
export function Dialog({ open, onOpenChange, title, description, children, footer, wide = false }: Props) {
  const giveBack = useGiveBack();
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/50" />
        <Radix.Content
          {...giveBack}
          className={`fixed top-1/2 left-1/2 z-50 flex max-h-[90dvh] w-[calc(100vw-1.5rem)] -translate-x-1/2 -translate-y-1/2 flex-col rounded-2xl border border-line bg-surface shadow-xl ${wide ? "max-w-3xl" : "max-w-lg"}`}
          {...(!description && { "aria-describedby": undefined })}
        >
          <div className="flex items-start gap-3 px-5 pt-5">
            <Radix.Title className="mr-auto text-lg font-semibold break-words">{title}</Radix.Title>
            <Radix.Close aria-label="Close" className="rounded-lg p-1.5 text-muted hover:bg-raised">
              <X aria-hidden className="size-5" />
            </Radix.Close>
          </div>
          <div className="overflow-y-auto px-5 pt-2 pb-5">
            {description && <Radix.Description className="mb-3 text-sm text-muted">{description}</Radix.Description>}
            {children}
          </div>
          {footer && <div className="flex flex-wrap justify-end gap-3 border-t border-line px-5 py-4">{footer}</div>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
