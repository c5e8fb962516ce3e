import { onOneLine } from "../notifications/notification.ts";
import { nameOfJob, tellAbout } from "../notifications/task-notification.ts";
import { type AnnounceParts } from "./announce-end.ts";
import { announcedKinds } from "./job-starter.ts";
import { type ScheduledJob } from "./scheduled-job.ts";

/**
 * Tells people that a job is due and cannot be started, in the way its datastore wants it.
 *
 * Nobody is told about a datastore in maintenance: whoever put it there knows.
 */
export function tellOfTrouble(
  parts: Pick<AnnounceParts, "notifier" | "datastores" | "clock" | "hostName">,
): (job: ScheduledJob, reason: string) => Promise<void> {
  const { notifier, datastores, clock, hostName } = parts;
  return async (job, reason) => {
    const entry = datastores.all().find((each) => each.entry.name === job.store)?.entry;
    if (!entry || entry.maintenance) return;
    const kind = announcedKinds[job.type];
    const jobId = job.type === "garbage_collection" ? undefined : job.id;
    const name = nameOfJob({ kind, jobId });
    const title = `${name} of datastore '${job.store}' cannot be started on ${hostName}`;
    await tellAbout(
      { kind, isGood: false },
      {
        title: onOneLine(title),
        text: `${title}: ${reason}\n\nIt is tried every minute. There is no further message until it could be started.\n`,
        severity: "error",
        fields: {
          type: kind,
          datastore: job.store,
          hostname: hostName,
          ...(jobId === undefined ? {} : { "job-id": jobId }),
        },
        timeSec: clock.nowSec(),
      },
      { notifier, settings: entry.notifications },
    );
  };
}
