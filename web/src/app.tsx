import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { ApiError } from "./api/client";
import { follow } from "./api/events";
import { useLoggedIn } from "./api/session";
import { ProblemContext } from "./problem";
import { router } from "./routes";

export function App({ problem }: { problem: string }) {
  const [queries] = useState(
    () =>
      new QueryClient({
        defaultOptions: { queries: { staleTime: 30_000, retry: (n, err) => n < 2 && !(err instanceof ApiError && err.status < 500) } },
      }),
  );
  const loggedIn = useLoggedIn();
  useEffect(() => {
    if (!loggedIn) {
      queries.clear();
      return;
    }
    const end = new AbortController();
    void follow(queries, end.signal);
    return () => end.abort();
  }, [loggedIn, queries]);
  return (
    <ProblemContext value={problem}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </ProblemContext>
  );
}
