import { numberMember, objectsOf, textMember } from "../client/session/server-answer.ts";
import { timeText } from "../format/snapshot/time-text.ts";
import { localTimeText } from "./local-time-text.ts";
import { renderTable, type TableStyle } from "./table.ts";

/** Renders the answer to a prune as the official client does (spec client-cli.md §2.3). */
export function pruneTable(data: unknown, shown: "all" | "removed", style: TableStyle): string {
  const snapshots = objectsOf(data, "what was pruned")
    .map((item) => ({
      group: `${textMember(item, "backup-type") ?? ""}/${textMember(item, "backup-id") ?? ""}`,
      timeSec: numberMember(item, "backup-time") ?? 0,
      action: item["keep"] === true ? "keep" : "remove",
    }))
    .filter(({ action }) => shown === "all" || action === "remove");
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
    ],
    style,
  );
}
