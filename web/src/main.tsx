import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { redeemTicket } from "./api/session";
import { App } from "./app";
import "./style.css";

const root = document.getElementById("root");
if (!root) throw new Error("the page has no #root");

// A ticket is used up before anything asks the daemon, so that nothing asks without a login.
const problem = await redeemTicket();
createRoot(root).render(
  <StrictMode>
    <App problem={problem} />
  </StrictMode>,
);
