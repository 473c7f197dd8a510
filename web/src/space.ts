import { useSearch } from "@tanstack/react-router";
import { useSpaces } from "./api/queries";
import type { Space } from "./api/types.gen";

/**
 * useSpace is the Space that is looked at: the one that the address names by its id, or else the active one. It is
 * undefined until that is known.
 */
export function useSpace(): Space | undefined {
  const { space } = useSearch({ strict: false });
  const { data } = useSpaces();
  return data?.find((s) => s.id === space) ?? data?.find((s) => s.active);
}
