const tones = {
  good: "bg-goodtint text-good",
  warn: "bg-warntint text-warn",
  bad: "bg-badtint text-bad",
  quiet: "bg-raised text-muted",
};
export type Tone = keyof typeof tones;

export function Badge({ tone, children }: { tone: Tone; children: string }) {
  return <span className={`inline-block rounded-full px-2.5 py-0.5 text-xs font-semibold ${tones[tone]}`}>{children}</span>;
}
