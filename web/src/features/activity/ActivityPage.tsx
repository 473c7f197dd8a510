import { useParam } from "../../param";
import { PageTitle } from "../../ui/PageTitle";
import { Tabs } from "../../ui/Tabs";
import { useTitle } from "../../ui/useTitle";
import { CallsTab } from "./CallsTab";
import { CountsTab } from "./CountsTab";
import { ExportMenu } from "./ExportMenu";
import { useFilter } from "./filter";

/** ActivityPage has the record of every request and decision, as they come, and counts of the calls. */
export function ActivityPage() {
  useTitle("Activity");
  const [tab, setTab] = useParam("tab");
  const { filter } = useFilter();
  return (
    <>
      <div className="flex flex-wrap items-center gap-3">
        <div className="mr-auto">
          <PageTitle>Activity</PageTitle>
        </div>
        {tab !== "counts" && <ExportMenu filter={filter} />}
      </div>
      <Tabs
        label="Activity"
        value={tab || "calls"}
        onChange={(v) => setTab(v === "calls" ? "" : v)}
        tabs={[
          { value: "calls", text: "Calls" },
          { value: "counts", text: "Counts" },
        ]}
      >
        {tab === "counts" ? <CountsTab /> : <CallsTab />}
      </Tabs>
    </>
  );
}
