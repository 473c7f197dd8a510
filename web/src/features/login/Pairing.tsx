import { useEffect, useState } from "react";
import { ApiError } from "../../api/client";
import { type Pairing as Begun, beginPairing, pollPairing } from "../../api/session";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";

const every = 2000; // ms

// A page on another machine is let in only by who says that it is meant.
const remote = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname) ? "" : " --remote";

/** Pairing logs this page in from a terminal, for browsers that no terminal can open. */
export function Pairing() {
  const [begun, setBegun] = useState<Begun>();
  const [problem, setProblem] = useState("");

  useEffect(() => {
    if (!begun) return;
    let timer = 0;
    let ended = false;
    const ask = async () => {
      try {
        if (await pollPairing(begun)) return; // The page is another one now.
      } catch (err) {
        if (ended) return;
        if (!(err instanceof ApiError) || err.status === 429) {
          timer = window.setTimeout(ask, every * 2); // Not reached, or asked too often: the code may be good still.
          return;
        }
        setBegun(undefined);
        setProblem(err.message);
        return;
      }
      if (!ended) timer = window.setTimeout(ask, every);
    };
    timer = window.setTimeout(ask, every);
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [begun]);

  const begin = () => {
    setProblem("");
    beginPairing().then(setBegun, (err: Error) => setProblem(err.message));
  };

  return (
    <div className="mt-4 flex flex-col gap-3 border-t border-line pt-4">
      {problem && <Notice tone="bad">{problem}</Notice>}
      {begun ? (
        <p aria-live="polite">
          In a terminal of the machine that McpMux runs on, type <code>mcpmux login {begun.code + remote}</code>. This page goes on by
          itself.
        </p>
      ) : (
        <>
          <p>Is this browser not the one that a terminal opens?</p>
          <Button className="self-start" onClick={begin}>
            Log in with a code
          </Button>
        </>
      )}
    </div>
  );
}
