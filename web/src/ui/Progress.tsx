/** Progress says that something takes a while; part is how much of it is done, from 0 to 1, where that is known. */
export function Progress({ label, part }: { label: string; part?: number }) {
  return (
    <div role="status" className="flex flex-col gap-2 text-sm text-muted">
      <span>{label}</span>
      <div className="h-1.5 overflow-hidden rounded-full bg-raised">
        <div
          className={`h-full rounded-full bg-accent ${part === undefined ? "w-1/3 motion-safe:animate-slide" : ""}`}
          style={part === undefined ? undefined : { width: `${part * 100}%` }}
        />
      </div>
    </div>
  );
}
