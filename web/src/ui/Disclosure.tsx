import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";

/** Disclosure keeps out of sight what few need. */
export function Disclosure({ title, children, open = false }: { title: ReactNode; children: ReactNode; open?: boolean }) {
  return (
    <details open={open} className="group">
      <summary className="flex items-center gap-1.5 rounded text-sm font-medium">
        <ChevronRight aria-hidden className="size-4 text-muted group-open:rotate-90" />
        {title}
      </summary>
      <div className="mt-3 ml-5">{children}</div>
    </details>
  );
}
