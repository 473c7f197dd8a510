import { useEffect, useState } from "react";
import { type Progress, progressOf, useProgress } from "../../api/consent";
import { useRequest } from "../../api/queries";
import { useLoggedIn } from "../../api/session";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";
import { LoginCard } from "../login/LoginPage";
import { Decide } from "./Decide";

/** ConsentPage is where an application sends its user to let it in. Whatever decides, the browser goes on from here. */
export function ConsentPage({ id }: { id: string }) {
  const progress = useProgress(id);
  const loggedIn = useLoggedIn();
  useTitle("An application asks to be let in");
  useEffect(() => goOn(progress.redirect_to), [progress.redirect_to]);
  switch (progress.state) {
    case "loading":
      return <p className="text-muted">Looking the request up …</p>;
    case "gone":
      return <Gone />;
    case "approved":
    case "denied":
      return <Done id={id} progress={progress} />;
    case "waiting":
      return loggedIn ? <Waiting id={id} code={progress.code ?? ""} /> : <NotLoggedIn code={progress.code ?? ""} />;
  }
}

/** goOn sends the browser back to the application, after a moment: some open the page before they listen. */
function goOn(to: string | undefined) {
  if (!to) return;
  const timer = setTimeout(() => location.replace(to), 300);
  return () => clearTimeout(timer);
}

function Waiting({ id, code }: { id: string; code: string }) {
  const request = useRequest(id, true);
  if (request.error) return <Notice tone="bad">{request.error.message}</Notice>;
  if (!request.data) return <p className="text-muted">Looking the request up …</p>;
  return <Decide request={request.data} code={code} />;
}

function NotLoggedIn({ code }: { code: string }) {
  return (
    <>
      <PageTitle>An application asks to be let in</PageTitle>
      <LoginCard />
      <Card title="Or decide in a terminal">
        <p>
          <code>mcpmux client list</code> shows who asks, and <code>mcpmux client approve {code}</code> lets it in. This page goes on by
          itself.
        </p>
      </Card>
    </>
  );
}

function Gone() {
  return (
    <>
      <PageTitle focus>There is nothing to decide here</PageTitle>
      <p>
        The request was begun in another browser, or it has ended: one waits for ten minutes. Let the application begin anew, and decide on
        the page that it opens.
      </p>
    </>
  );
}

function Done({ id, progress }: { id: string; progress: Progress }) {
  const [reached, setReached] = useState(false);
  // An answer is good once: the daemon tells of none that the application has used.
  const again = async () => {
    const { redirect_to } = await progressOf(id).catch(() => progress);
    if (redirect_to) location.replace(redirect_to);
    else setReached(true);
  };
  return (
    <>
      <PageTitle focus>{progress.state === "approved" ? "It is let in" : "It is not let in"}</PageTitle>
      <p>
        You can close this page. {progress.redirect_to && !reached && "If the application does not go on, tell it again."}
        {reached && "The application has the answer already. If it does not go on, let it begin anew."}
      </p>
      {progress.redirect_to && !reached && (
        <div>
          <Button onClick={() => void again()}>Tell it again</Button>
        </div>
      )}
    </>
  );
}
