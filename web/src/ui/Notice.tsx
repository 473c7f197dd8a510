import type { ReactNode } from "react";

const tones = { info: "bg-raised text-ink", warn: "bg-warntint text-warn", bad: "bg-badtint text-bad" };

/** Notice tells something that needs to be seen; what went wrong is read out at once. */
export function Notice({ tone = "info", children }: { tone?: keyof typeof tones; children: ReactNode }) {
  return (
    <div role={tone === "bad" ? "alert" : "note"} className={`rounded-lg px-3 py-2 text-sm ${tones[tone]}`}>
      {children}
    </div>
  );
}
