import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useRef } from "react";

interface Props<T> {
  label: string;
  items: readonly T[];
  keyOf: (item: T) => string | number;
  render: (item: T, index: number) => ReactNode;
  /** estimate is how high an item is about, in pixels; each is measured once it is shown. */
  estimate: number;
  /** height is how high the list is at most: a length of CSS. */
  height?: string;
  /** onEnd is called when the last item is near. */
  onEnd?: (() => void) | undefined;
  /** onTop is told whether the beginning is seen, whenever that changes. */
  onTop?: ((seen: boolean) => void) | undefined;
  /** jump goes back to the beginning when it changes. */
  jump?: number;
}

/** VirtualList shows as much of a long list as is seen of it. It scrolls by itself and can be reached by the keyboard for that. */
export function VirtualList<T>({ label, items, keyOf, render, estimate, height = "32rem", onEnd, onTop, jump }: Props<T>) {
  const outer = useRef<HTMLElement>(null);
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => outer.current,
    estimateSize: () => estimate,
    getItemKey: (i) => keyOf(items[i] as T),
    overscan: 8,
  });
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= items.length - 10) onEnd?.();
  }, [last, items.length, onEnd]);
  const top = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: jump is what it is about
  useEffect(() => {
    outer.current?.scrollTo({ top: 0 });
  }, [jump]);
  return (
    <section
      ref={outer}
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
      tabIndex={0}
      className="overflow-y-auto rounded-lg"
      style={{ maxHeight: height }}
      onScroll={(e) => {
        const now = e.currentTarget.scrollTop < 8;
        if (now !== top.current) onTop?.(now);
        top.current = now;
      }}
    >
      <ul className="relative" style={{ height: rows.getTotalSize() }}>
        {shown.map((row) => (
          <li
            key={row.key}
            ref={rows.measureElement}
            data-index={row.index}
            aria-setsize={items.length}
            aria-posinset={row.index + 1}
            className="absolute top-0 left-0 w-full"
            style={{ transform: `translateY(${row.start}px)` }}
          >
            {render(items[row.index] as T, row.index)}
          </li>
        ))}
      </ul>
    </section>
  );
}
