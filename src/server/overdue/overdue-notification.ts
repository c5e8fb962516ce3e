import { type Notification } from "../notifications/notification.ts";
import { formatLocalTime } from "../tasks/local-time.ts";
import { nameOf, type WatchedGroup } from "./watched-group.ts";

/** What people are told about groups of one datastore that became overdue, or are not overdue any more. */
export function overdueNotification(
  groups: readonly WatchedGroup[],
  about: {
    readonly store: string;
    readonly kind: "overdue" | "recovered";
    readonly hostName: string;
    readonly nowSec: number;
  },
): Notification {
  const { store, kind, hostName, nowSec } = about;
  const [first] = groups;
  const which =
    groups.length === 1 && first
      ? `Backup of ${nameOf(first)}`
      : `Backups of ${groups.length} groups`;
  const state =
    kind === "overdue"
      ? groups.length === 1
        ? "is overdue"
        : "are overdue"
      : groups.length === 1
        ? "is not overdue any more"
        : "are not overdue any more";
  const lines = groups.map((each) => {
    const last = each.lastSuccessSec;
    const when =
      last === undefined ? "there is none" : `the last one is of ${formatLocalTime(last)}`;
    return `${nameOf(each)}: ${when}; wanted every ${each.ageMaxSec / 3600} hours (rule '${each.rule}')`;
  });
  const title = `${which} in datastore '${store}' ${state} on ${hostName}`;
  return {
    title,
    text: `${title}.\n\n${lines.join("\n")}\n`,
    severity: kind === "overdue" ? "error" : "info",
    fields: { type: "backup-overdue", datastore: store, hostname: hostName },
    timeSec: nowSec,
  };
}

/** What people are told about a datastore that cannot be read, for a reason, or without one that can be read again. */
export function readabilityNotification(
  reason: string | undefined,
  about: { readonly store: string; readonly hostName: string; readonly nowSec: number },
): Notification {
  const { store, hostName, nowSec } = about;
  const title =
    reason === undefined
      ? `Backups in datastore '${store}' are watched again on ${hostName}`
      : `Backups in datastore '${store}' are not watched on ${hostName}: it cannot be read`;
  return {
    title,
    text: `${title}.\n${reason === undefined ? "" : `\n${reason}\n`}`,
    severity: reason === undefined ? "info" : "error",
    fields: { type: "backup-overdue", datastore: store, hostname: hostName },
    timeSec: nowSec,
  };
}
