import { Link } from "@tanstack/react-router";
import { useStatus } from "../../api/queries";
import { buttonClass } from "../../ui/Button";
import { Empty } from "../../ui/Empty";
import { useWelcomeSkipped } from "../../welcome";

/** Start is what is shown in the beginning: where nothing is connected yet, there is one thing to do. */
export function Start() {
  const { data: status } = useStatus();
  const skipped = useWelcomeSkipped();
  if (skipped || !status || (status.servers > 0 && status.registered_clients > 0)) return null;
  return (
    <Empty title={status.servers === 0 && status.registered_clients === 0 ? "Nothing is connected yet" : "One more step"}>
      <p>
        {status.registered_clients === 0
          ? "Connect an application first. Then add servers, and watch the first call arrive."
          : "Add or import servers, and watch the first call arrive."}
      </p>
      <Link to="/welcome" className={buttonClass("primary")}>
        {status.registered_clients === 0 ? "Begin" : "Go on"}
      </Link>
    </Empty>
  );
}
