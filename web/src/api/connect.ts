import { useQuery } from "@tanstack/react-query";
import { get, post } from "./client";
import type { Application, Import, Imported, ImportPreview, ImportSource } from "./types.gen";

/** useApplications are the AI applications that are known; what is on the machine is looked up anew when one comes back. */
export const useApplications = () =>
  useQuery({ queryKey: ["applications"], queryFn: () => get<Application[]>(["applications"]), refetchOnWindowFocus: "always" });

/** previewImport says what servers a source has; nothing is written. */
export const previewImport = (space: string, source: ImportSource) => post<ImportPreview>(["import", "preview"], source, { space });

/** importServers adds servers of a preview. */
export const importServers = (space: string, chosen: Import) => post<Imported>(["import"], chosen, { space });
