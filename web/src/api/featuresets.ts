import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { del, get, patch, post, put } from "./client";
import type { FeatureSet, MemberList, SetPreview } from "./types.gen";

export const useFeatureSet = (space: string | undefined, name: string) =>
  useQuery({
    queryKey: ["featuresets", space, name],
    queryFn: () => get<FeatureSet>(["featuresets", name], { space: space ?? "" }),
    enabled: space !== undefined,
  });

export const createSet = (space: string, name: string) => post<FeatureSet>(["featuresets"], { name }, { space });
export const renameSet = (s: FeatureSet, name: string) => patch<FeatureSet>(["featuresets", s.id], { name }, { space: s.space_id });
export const deleteSet = (s: FeatureSet) => del<FeatureSet>(["featuresets", s.id], { space: s.space_id });
export const setMembers = (s: FeatureSet, list: MemberList) =>
  put<FeatureSet>(["featuresets", s.id, "members"], list, { space: s.space_id });

/** previewSet says what setMembers would lead to. Nothing is written by it. */
export const previewSet = (s: FeatureSet, list: MemberList) =>
  post<SetPreview>(["featuresets", s.id, "preview"], list, { space: s.space_id });

/** usePreview is what a list of members would lead to; until that is known, or where it is refused, what was known last. */
export function usePreview(s: FeatureSet, list: MemberList) {
  const { data, error } = useQuery({
    queryKey: ["featuresets", s.space_id, s.id, "preview", list],
    queryFn: () => previewSet(s, list),
    gcTime: 10_000,
  });
  const [last, setLast] = useState(data);
  if (data && data !== last) setLast(data);
  return { preview: data ?? last, fresh: data !== undefined, error };
}
