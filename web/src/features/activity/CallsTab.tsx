import { Link } from "@tanstack/react-router";
import { ArrowUp } from "lucide-react";
import { useEffect, useState } from "react";
import { type ActivityFilter, useActivity } from "../../api/activity";
import { useLive } from "../../api/events";
import type { Activity } from "../../api/types.gen";
import { Button, buttonClass } from "../../ui/Button";
import { Empty } from "../../ui/Empty";
import { Notice } from "../../ui/Notice";
import { Progress } from "../../ui/Progress";
import { VirtualList } from "../../ui/VirtualList";
import { CallDialog } from "./CallDialog";
import { CallRow, Heads } from "./CallRow";
import { Filters } from "./Filters";
import { useFilter } from "./filter";

/** CallsTab is every record that the filter chooses, newest first. */
export function CallsTab() {
  const { asked, filter, set, clear, narrow } = useFilter();
  const [open, setOpen] = useState<Activity>();
  return (
    <>
      <Filters asked={asked} set={set} />
      <Calls key={JSON.stringify(filter)} filter={filter} narrow={narrow} clear={clear} onOpen={setOpen} />
      <CallDialog call={open} onClose={() => setOpen(undefined)} onNarrow={set} />
    </>
  );
}

interface Props {
  filter: ActivityFilter;
  narrow: boolean;
  clear: () => void;
  onOpen: (c: Activity) => void;
}

function Calls({ filter, narrow, clear, onOpen }: Props) {
  const record = useActivity(filter);
  const live = useLive();
  const [paused, setPaused] = useState(false);
  const [away, setAway] = useState(false); // from the beginning
  const [jump, setJump] = useState(0);
  // How many of the new ones are shown while one looks at others: nothing moves under the eye.
  const [held, setHeld] = useState<number>();
  const { fresh, history, overflowing, restart } = record;
  const hold = (paused: boolean, away: boolean) => setHeld(paused || away ? (held ?? fresh.length) : undefined);
  const waiting = held === undefined ? 0 : fresh.length - held;
  useEffect(() => {
    if (overflowing && held === undefined) void restart();
  }, [overflowing, held, restart]);
  const goOn = () => {
    setPaused(false);
    setAway(false);
    setHeld(undefined);
    setJump((n) => n + 1);
  };
  const problem = record.error && <Notice tone="bad">{record.error.message}</Notice>;
  if (problem && history.length === 0) return problem;
  if (record.loading) return <Progress label="Looking up the record …" />;
  const shown = fresh.slice(0, held).reverse().concat(history);
  if (shown.length === 0) return <Nothing narrow={narrow} clear={clear} />;
  return (
    <>
      {problem}
      <div className="flex min-h-9 flex-wrap items-center gap-3">
        <p role="status" className="mr-auto text-sm text-muted">
          {paused ? "Paused" : away ? "New ones wait above" : live ? "Shown live" : "Connecting …"}
        </p>
        {waiting > 0 && (
          <Button look="primary" onClick={goOn}>
            <ArrowUp aria-hidden className="size-4" />
            {overflowing ? `${waiting}+ new` : `${waiting} new`}
          </Button>
        )}
        <Button
          aria-pressed={paused}
          onClick={() => {
            setPaused(!paused);
            hold(!paused, away);
          }}
        >
          {paused ? "Go on" : "Pause"}
        </Button>
      </div>
      <div className="rounded-xl border border-line bg-surface pt-2">
        <Heads />
        <VirtualList
          label="The record of requests"
          items={shown}
          keyOf={(c) => c.id}
          estimate={46}
          height="max(24rem, calc(100dvh - 24rem))"
          onEnd={record.more}
          onTop={(top) => {
            setAway(!top);
            hold(paused, !top);
          }}
          jump={jump}
          render={(c) => <CallRow call={c} onOpen={onOpen} />}
        />
      </div>
      <p className="text-xs text-muted">
        {record.complete
          ? `All ${shown.length.toLocaleString()} that there are`
          : `The last ${shown.length.toLocaleString()}; older ones come as you scroll`}
      </p>
    </>
  );
}

function Nothing({ narrow, clear }: { narrow: boolean; clear: () => void }) {
  if (narrow) {
    return (
      <Empty title="Nothing in the record is like that">
        <p>It is kept for as long as the setting activity.retention says.</p>
        <Button onClick={clear}>Show everything</Button>
      </Empty>
    );
  }
  return (
    <Empty title="Nothing has happened yet">
      <p>Every call of an application shows up here as it is made: who called which tool, what McpMux decided, and how it went.</p>
      <Link to="/welcome" className={buttonClass("primary")}>
        Connect an application
      </Link>
    </Empty>
  );
}
