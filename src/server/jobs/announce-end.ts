import { type Clock } from "../../format/clock.ts";
import { type Datastores } from "../datastores.ts";
import { type Notifier } from "../notifications/notifier.ts";
import { announceTask } from "../notifications/task-notification.ts";
import { type TaskRegistry } from "../tasks/task-registry.ts";
import { parseUpid } from "../tasks/upid.ts";
import { type Announce } from "./job-runner.ts";

/** Most bytes of a log that go with a notification. */
const LOG_END_BYTES_MAX = 8 * 1024;

/** What telling about ends needs. */
export interface AnnounceParts {
  readonly notifier: Notifier;
  readonly datastores: Datastores;
  readonly tasks: TaskRegistry;
  readonly clock: Clock;
  readonly hostName: string;
}

/** Tells people how jobs ended; what fails about that is a line in the task's log, and in the server's. */
export function announceEnd(parts: AnnounceParts): Announce {
  const { notifier, datastores, tasks, clock, hostName } = parts;
  return async ({ task, announcement, failure }) => {
    const known = datastores.all().find(({ entry }) => entry.name === announcement.datastore);
    if (!known) return;
    const endSec = clock.nowSec();
    const ending = {
      upid: task.upid,
      announcement,
      failure,
      warningCount: task.warningCount,
      startSec: parseUpid(task.upid)?.startSec ?? endSec,
      endSec,
      // A log that cannot be read is missing from the text, no more.
      logEnd: await tasks.readLogEnd(task.upid, LOG_END_BYTES_MAX).catch(() => ""),
    };
    const settings = known.entry.notifications;
    const failures = await announceTask(notifier, ending, { hostName, settings });
    for (const each of failures) task.log(each);
  };
}
