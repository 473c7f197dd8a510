import { useMutation } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { type ActivityFilter, exportActivity } from "../../api/activity";
import { save } from "../../save";
import { buttonClass } from "../../ui/Button";
import { Menu } from "../../ui/Menu";
import { useToast } from "../../ui/Toast";

/**
 * ExportMenu saves all that the filter chooses, not only what is shown. The file is fetched, since a link cannot send
 * the login's header; the browser keeps a large one on its disk.
 */
export function ExportMenu({ filter }: { filter: ActivityFilter }) {
  const toast = useToast();
  const act = useMutation({
    mutationFn: (format: "jsonl" | "csv") => exportActivity(filter, format),
    onSuccess: ({ name, file }) => {
      save(name, file);
      toast({ text: `Saved as ${name}` });
    },
    onError: (err) => toast({ text: `The record was not saved: ${err.message}`, tone: "bad" }),
  });
  return (
    <div>
      <Menu
        label={act.isPending ? "Exporting …" : "Export what is filtered"}
        items={[
          { text: "As CSV, for spreadsheets", onSelect: () => act.mutate("csv"), disabled: act.isPending },
          { text: "As JSON lines", onSelect: () => act.mutate("jsonl"), disabled: act.isPending },
        ]}
      >
        <span className={buttonClass()}>
          <Download aria-hidden className="size-4" />
          {act.isPending ? "Exporting …" : "Export"}
        </span>
      </Menu>
    </div>
  );
}
