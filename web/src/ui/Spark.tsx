const width = 120;
const height = 32;

/** Spark is a small chart of values in order; label says in words what it shows. */
export function Spark({ values, label, className = "" }: { values: number[]; label: string; className?: string }) {
  const top = Math.max(...values, 1);
  const step = width / Math.max(values.length - 1, 1);
  const y = (v: number) => height - 2 - (v / top) * (height - 4);
  const line = values.map((v, i) => `${(i * step).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
  return (
    <svg
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={label}
      preserveAspectRatio="none"
      className={`h-8 w-full text-accent ${className}`}
    >
      {values.length > 0 && (
        <>
          <polygon points={`0,${height} ${line} ${width},${height}`} fill="currentColor" opacity="0.12" />
          <polyline points={line} fill="none" stroke="currentColor" strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
        </>
      )}
    </svg>
  );
}
