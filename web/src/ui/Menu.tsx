import { Ellipsis } from "lucide-react";
import { DropdownMenu as Radix } from "radix-ui";
import { type ReactNode, useRef } from "react";

export interface MenuItem {
  text: string;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
}

/** Menu is a button with more that can be done; label says with what. */
export function Menu({ label, items, children }: { label: string; items: MenuItem[]; children?: ReactNode }) {
  // What was chosen is done once the button has the focus again: a dialog that it opens gives it back there.
  const chosen = useRef<() => void>(undefined);
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger
        aria-label={label}
        className={
          children
            ? "w-full rounded-lg text-left"
            : "inline-flex size-9 items-center justify-center rounded-lg border border-line bg-surface hover:bg-raised"
        }
      >
        {children ?? <Ellipsis aria-hidden className="size-4" />}
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align="end"
          sideOffset={4}
          collisionPadding={8}
          onCloseAutoFocus={() => {
            const act = chosen.current;
            chosen.current = undefined;
            if (act) setTimeout(act);
          }}
          className="z-50 max-h-[60dvh] min-w-44 overflow-y-auto rounded-xl border border-line bg-surface p-1 shadow-lg"
        >
          {items.map((i) => (
            <Radix.Item
              key={i.text}
              disabled={i.disabled ?? false}
              onSelect={() => {
                chosen.current = i.onSelect;
              }}
              className={`cursor-pointer rounded-lg px-3 py-2 text-sm outline-none data-disabled:cursor-default data-disabled:opacity-50 data-highlighted:bg-raised ${i.danger ? "text-bad" : ""}`}
            >
              {i.text}
            </Radix.Item>
          ))}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
