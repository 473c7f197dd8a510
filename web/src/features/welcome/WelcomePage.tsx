import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useRecentCalls } from "../../api/activity";
import { useStatus } from "../../api/queries";
import type { Status } from "../../api/types.gen";
import { ConnectApplication } from "../../connect/ConnectApplication";
import { ImportBox } from "../../connect/ImportBox";
import { useParam } from "../../param";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { plural } from "../../ui/plural";
import { useTitle } from "../../ui/useTitle";
import { skipWelcome, useWelcomeSkipped } from "../../welcome";
import { ByHand } from "./ByHand";
import { FirstCall } from "./FirstCall";
import { Step } from "./Step";

/**
 * WelcomePage leads from nothing to the first call. How far one is follows from what there is, so it can be left at any
 * time; the step that is open is in the address.
 */
export function WelcomePage() {
  useTitle("First steps");
  const { data: status, error } = useStatus();
  const { data: calls, error: unknown } = useRecentCalls(1);
  const problem = error ?? unknown;
  if (status && calls) return <Steps status={status} called={calls.length > 0} />;
  return problem ? <Notice tone="bad">{problem.message}</Notice> : <p className="text-muted">Looking how far you are …</p>;
}

function Steps({ status, called }: { status: Status; called: boolean }) {
  const skipped = useWelcomeSkipped();
  const navigate = useNavigate();
  const [step, setStep] = useParam("step");
  const done = [status.registered_clients > 0, status.servers > 0, called];
  const next = done.indexOf(false);
  const [begun] = useState(next); // a step that gets done stays open: one still looks at it
  const open = step ? Number(step) - 1 : begun;
  const fold = (i: number) => ({ open: open === i, onOpen: () => setStep(open === i ? "0" : String(i + 1)) });
  const leave = () => {
    skipWelcome(next >= 0);
    void navigate({ to: "/" });
  };
  return (
    <>
      <div className="flex flex-wrap items-center gap-3">
        <div className="mr-auto">
          <PageTitle>First steps</PageTitle>
          <p className="text-sm text-muted" aria-live="polite">
            {next < 0 ? "All three are done." : `${done.filter(Boolean).length} of 3 done. You can leave at any time, and go on later.`}
          </p>
        </div>
        <Button look={next < 0 ? "primary" : "plain"} onClick={leave}>
          {next < 0 ? "To the home page" : skipped ? "Leave" : "Skip for now"}
        </Button>
      </div>
      <ol className="flex flex-col gap-4">
        <Step
          n={1}
          title="Connect an application"
          done={done[0] && `${plural(status.registered_clients, "client")} registered`}
          {...fold(0)}
        >
          <ConnectApplication />
          {done[0] ? (
            <GoOn onClick={() => setStep("2")}>Go on: add servers</GoOn>
          ) : (
            <p className="text-sm text-muted">This step is ticked when the first application has logged in here.</p>
          )}
        </Step>
        <Step n={2} title="Add servers" done={done[1] && plural(status.servers, "server")} {...fold(1)}>
          <ImportBox />
          <ByHand />
          {done[1] && <GoOn onClick={() => setStep("3")}>Go on: watch the first call</GoOn>}
        </Step>
        <Step n={3} title="Watch the first call" done={done[2] && "calls arrive"} {...fold(2)}>
          <FirstCall running={status.gateway === "running"} />
        </Step>
      </ol>
    </>
  );
}

const GoOn = ({ onClick, children }: { onClick: () => void; children: string }) => (
  <Button look="primary" className="self-start" onClick={onClick}>
    {children}
  </Button>
);
