import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

/** useParam is a parameter of the address that a page has for itself, so that what it shows is a link; "" is none. */
export function useParam(name: string): [string, (value: string) => void] {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const set = useCallback(
    (value: string) => void navigate({ to: ".", search: (s) => ({ ...s, [name]: value || undefined }), replace: true, resetScroll: false }),
    [name, navigate],
  );
  return [search[name] ?? "", set];
}
