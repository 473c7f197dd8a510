import { createContext } from "react";

/** ProblemContext is why the address that the page was opened with logged nobody in, "" where it did or was none. */
export const ProblemContext = createContext("");
