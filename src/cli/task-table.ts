import { numberMember, objectsOf, textMember } from "../client/session/server-answer.ts";
import { localTimeText } from "./local-time-text.ts";
import { renderTable, type TableStyle } from "./table.ts";

/** Renders the `data` of the API's list of tasks, the oldest first; what still runs has no end (spec rest-api.md §9.1). */
export function taskTable(data: unknown, style: TableStyle): string {
  const tasks = objectsOf(data, "the list of tasks")
    .map((task) => ({
      startSec: numberMember(task, "starttime") ?? 0,
      endSec: numberMember(task, "endtime"),
      upid: textMember(task, "upid") ?? "",
      status: textMember(task, "status") ?? "",
    }))
    .sort((a, b) => a.startSec - b.startSec || (a.upid < b.upid ? -1 : 1));
  return renderTable(
    tasks,
    [
      { title: "starttime", align: "left", cell: ({ startSec }) => localTimeText(startSec) },
      {
        title: "endtime",
        align: "left",
        cell: ({ endSec }) => (endSec === undefined ? "" : localTimeText(endSec)),
      },
      { title: "upid", align: "left", cell: ({ upid }) => upid },
      { title: "status", align: "left", cell: ({ status }) => status },
    ],
    style,
  );
}
