import { Paper, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useEffect, useRef } from "react";

import { type TaskLog, taskLogQuery } from "../api/task-api.ts";
import { Loaded } from "../parts/loaded.tsx";
import { taskWords as words } from "../strings/task-words.ts";

/** Log of a task; stays at its end while it grows, unless the person has scrolled up. */
export function TaskLogView({
  upid,
  follow,
}: {
  readonly upid: string;
  readonly follow: "running" | "ended";
}): ReactElement {
  const query = useQuery(taskLogQuery(upid, follow));
  return <Loaded query={query}>{(log) => <Lines log={log} />}</Loaded>;
}

function Lines({ log }: { readonly log: TaskLog }): ReactElement {
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    if (isAtEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [log.total]);
  return (
    <div>
      {log.total > log.lines.length && (
        <Text size="sm" c="dimmed" mb="xs">
          {words.logShortened(log.lines.length, log.total)}
        </Text>
      )}
      <Paper withBorder radius="md">
        <pre
          ref={box}
          className="log"
          tabIndex={0}
          aria-label={words.log}
          onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
            isAtEnd.current = scrollHeight - scrollTop - clientHeight < 40;
          }}
        >
          {log.lines.length === 0 ? words.logEmpty : log.lines.join("\n")}
        </pre>
      </Paper>
    </div>
  );
}
