import { Link } from "@tanstack/react-router";

/** ByHand is the other way to a server. */
export const ByHand = () => (
  <p className="text-sm text-muted">
    Or{" "}
    <Link to="/servers/new" className="text-accent underline">
      add a server by hand
    </Link>
    .
  </p>
);
