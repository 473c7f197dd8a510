import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";

export interface Tab {
  value: string;
  text: string;
  count?: number | undefined;
}

/** Tabs shows one of several parts of a page; children is the part that is shown. */
export function Tabs({
  label,
  value,
  onChange,
  tabs,
  children,
}: {
  label: string;
  value: string;
  onChange: (v: string) => void;
  tabs: Tab[];
  children: ReactNode;
}) {
  return (
    <Radix.Root value={value} onValueChange={onChange}>
      <Radix.List aria-label={label} className="mb-4 flex gap-1 overflow-x-auto border-b border-line">
        {tabs.map((t) => (
          <Radix.Trigger
            key={t.value}
            value={t.value}
            className="-mb-px border-b-2 border-transparent px-3 py-2 text-sm font-medium whitespace-nowrap text-muted hover:text-ink focus-visible:-outline-offset-2 data-[state=active]:border-accent data-[state=active]:text-ink"
          >
            {t.text}
            {t.count !== undefined && <span className="ml-1.5 text-xs text-muted">{t.count}</span>}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((t) => (
        <Radix.Content key={t.value} value={t.value} className="flex flex-col gap-4">
          {t.value === value && children}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
