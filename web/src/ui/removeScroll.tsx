import { Slot } from "radix-ui";
import { type ComponentProps, type ElementType, useEffect } from "react";

let held = 0;

/**
 * RemoveScroll keeps the page from scrolling behind what is open. It stands in for the package of the same purpose that
 * radix-ui asks for: that one writes a style sheet into the page, which the page's policy refuses.
 */
export function RemoveScroll({
  as: As = "div",
  enabled = true,
  shards: _s,
  allowPinchZoom: _z,
  ...rest
}: ComponentProps<"div"> & { as?: ElementType; enabled?: boolean; shards?: unknown; allowPinchZoom?: boolean }) {
  useEffect(() => {
    if (!enabled) return;
    if (held++ === 0) document.documentElement.classList.add("overflow-hidden");
    return () => {
      if (--held === 0) document.documentElement.classList.remove("overflow-hidden");
    };
  }, [enabled]);
  const Part = typeof As === "string" ? As : (As ?? Slot.Root);
  return <Part {...rest} />;
}
