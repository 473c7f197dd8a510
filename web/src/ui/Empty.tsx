import type { ReactNode } from "react";

/** Empty says why there is nothing here, and its children what to do. */
export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-3 rounded-xl border border-dashed border-line px-4 py-10 text-center">
      <p className="font-medium">{title}</p>
      <div className="flex max-w-md flex-col items-center gap-3 text-sm text-muted">{children}</div>
    </div>
  );
}
