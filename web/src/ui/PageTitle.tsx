import { type ReactNode, useEffect, useRef } from "react";

/** PageTitle is what a page is about. One that takes the place of what was done is focused, and so read out. */
export function PageTitle({ children, id, focus = false }: { children: ReactNode; id?: string; focus?: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (focus) heading.current?.focus();
  }, [focus]);
  return (
    <h1 ref={heading} id={id} tabIndex={focus ? -1 : undefined} className="text-2xl font-semibold break-words focus-visible:outline-none">
      {children}
    </h1>
  );
}
