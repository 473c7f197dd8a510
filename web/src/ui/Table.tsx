import type { ReactNode } from "react";

/** Table has a head of words, and rows whose first cell says what the row is about. On narrow screens it scrolls. */
export function Table({ head, label, children }: { head: string[]; label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section className="overflow-x-auto" aria-label={label} tabIndex={0}>
      <table className="w-full text-left text-sm">
        <thead>
          <tr className="text-xs text-muted">
            {head.map((h) => (
              <th key={h} scope="col" className="py-1.5 pr-4 font-medium whitespace-nowrap">
                {h}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

export function Row({ name, cells }: { name: ReactNode; cells: ReactNode[] }) {
  return (
    <tr className="border-t border-line align-top">
      <th scope="row" className="py-2 pr-4 font-medium">
        {name}
      </th>
      {cells.map((c, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the columns are always the same
        <td key={i} className="py-2 pr-4">
          {c}
        </td>
      ))}
    </tr>
  );
}
