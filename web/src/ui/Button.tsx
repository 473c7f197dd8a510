import type { ComponentProps } from "react";

const looks = {
  plain: "border-line bg-surface text-ink hover:bg-raised",
  primary: "border-transparent bg-accent text-onaccent hover:opacity-90",
  danger: "border-line bg-surface text-bad hover:bg-badtint",
  destroy: "border-transparent bg-bad text-onbad hover:opacity-90",
  bare: "border-transparent text-ink hover:bg-raised",
};

const shape =
  "inline-flex min-h-9 items-center justify-center gap-2 rounded-lg border px-3 whitespace-nowrap py-1.5 text-sm font-medium disabled:opacity-50";

/** buttonClass is how a button looks, for links that look like one. */
export const buttonClass = (look: keyof typeof looks = "plain") => `${shape} ${looks[look]}`;

export function Button({ look = "plain", className = "", ...rest }: ComponentProps<"button"> & { look?: keyof typeof looks }) {
  return <button type="button" className={`${buttonClass(look)} ${className}`} {...rest} />;
}
