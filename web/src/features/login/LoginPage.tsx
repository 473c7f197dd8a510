import { useContext } from "react";
import { ProblemContext } from "../../problem";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { PageTitle } from "../../ui/PageTitle";
import { useTitle } from "../../ui/useTitle";
import { Pairing } from "./Pairing";

/** LoginPage is what every page shows to who is not logged in; the address stays, and so does where they wanted to go. */
export function LoginPage() {
  const problem = useContext(ProblemContext);
  useTitle("Log in");
  return (
    <>
      {problem && <Notice tone="bad">{problem}</Notice>}
      <PageTitle>Log in</PageTitle>
      <LoginCard />
    </>
  );
}

export function LoginCard() {
  return (
    <Card title="You are not logged in">
      <p>
        Run <code>mcpmux dashboard</code> in a terminal. It opens this dashboard logged in.
      </p>
      <Pairing />
    </Card>
  );
}
