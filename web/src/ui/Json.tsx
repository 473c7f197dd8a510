/** Text shows text as it is, scrolls where it is long, and can be reached by the keyboard for that. */
export function Text({ text, label }: { text: string; label: string }) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
      tabIndex={0}
      className="max-h-[28rem] overflow-auto rounded-lg border border-line bg-canvas"
    >
      <pre className="p-3 font-mono text-xs whitespace-pre-wrap break-words">{text}</pre>
    </section>
  );
}

/** Json shows a value as indented JSON. */
export const Json = ({ value, label }: { value: unknown; label: string }) => (
  <Text label={label} text={JSON.stringify(value, null, 2) ?? ""} />
);
