import { Center, Loader } from "@mantine/core";
import { type UseQueryResult } from "@tanstack/react-query";
import { type ReactElement, type ReactNode } from "react";

import { frameWords } from "../strings/frame-words.ts";
import { ErrorNotice } from "./error-notice.tsx";

/**
 * Shows what a query gave, or that it is under way, or why it failed.
 *
 * What is there stays while it is read again: only a failure without anything to show is shown.
 */
export function Loaded<Data>({
  query,
  children,
}: {
  readonly query: UseQueryResult<Data>;
  readonly children: (data: Data) => ReactNode;
}): ReactElement {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) return <ErrorNotice error={query.error} retry={query.refetch} />;
  return <Waiting />;
}

/** Says that something is under way. */
export function Waiting(): ReactElement {
  return (
    <Center mih={120} role="status" aria-label={frameWords.loading}>
      <Loader size="sm" aria-hidden />
    </Center>
  );
}
