import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactElement, useEffect, useSyncExternalStore } from "react";

import { ApiFailure } from "./api/api-call.ts";
import { resumeSession, sessionState, subscribeSession } from "./api/session-store.ts";
import { AppFrame } from "./frame/app-frame.tsx";
import { LoginPage } from "./login/login-page.tsx";
import { closeDialogs } from "./parts/dialog-host.tsx";
import { Waiting } from "./parts/loaded.tsx";
import { theme } from "./theme.ts";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      retry: (failures, error) => failures < 2 && error instanceof ApiFailure && error.status === 0,
    },
  },
});

/**
 * The whole page: the login, or what is behind it.
 *
 * @param styleNonce What style elements must carry, by the page's policy.
 */
export function App({ styleNonce }: { readonly styleNonce: string }): ReactElement {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => styleNonce}>
      <QueryClientProvider client={queries}>
        <Gate />
      </QueryClientProvider>
    </MantineProvider>
  );
}

function Gate(): ReactElement {
  const session = useSyncExternalStore(subscribeSession, sessionState);
  useEffect(() => {
    void resumeSession();
  }, []);
  useEffect(() => {
    // Nothing of one person stays for the next.
    if (session.kind === "out") {
      closeDialogs();
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "realms" });
    }
  }, [session.kind]);
  if (session.kind === "unknown") return <Waiting />;
  if (session.kind === "out") return <LoginPage reason={session.reason} />;
  return <AppFrame user={session.user} />;
}
