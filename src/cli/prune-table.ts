import { numberMember, objectsOf, textMember } from "../client/session/server-answer.ts";
import { timeText } from "../format/snapshot/time-text.ts";
import { localTimeText } from "./local-time-text.ts";
import { renderTable, type TableStyle } from "./table.ts";

/**
 * Renders the answer to a prune as the official client does (spec client-cli.md §2.3), with one more column when the server
 * says why.
 */
export function pruneTable(data: unknown, shown: "all" | "removed", style: TableStyle): string {
  const snapshots = objectsOf(data, "what was pruned")
    .map((item) => ({
      group: `${textMember(item, "backup-type") ?? ""}/${textMember(item, "backup-id") ?? ""}`,
      timeSec: numberMember(item, "backup-time") ?? 0,
      action: item["keep"] === true ? "keep" : "remove",
      reason: textMember(item, "reason"),
    }))
    .filter(({ action }) => shown === "all" || action === "remove");
  const hasReasons = snapshots.some(({ reason }) => reason !== undefined);
  return renderTable(
    snapshots,
    [
      {
        title: "snapshot",
        align: "left",
        cell: ({ group, timeSec }) => `${group}/${timeText(timeSec)}`,
      },
      { title: "date", align: "right", cell: ({ timeSec }) => localTimeText(timeSec) },
      { title: "action", align: "right", cell: ({ action }) => action },
      ...(hasReasons
        ? [{ title: "reason", align: "left", cell: ({ reason = "" }) => reason } as const]
        : []),
    ],
    style,
  );
}
