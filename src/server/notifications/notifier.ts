import { setTimeout as delay } from "node:timers/promises";

import { type FastifyBaseLogger } from "fastify";

import { abortOnAny } from "../../chunks/abort-on-any.ts";
import { BackupError } from "../../format/backup-error.ts";
import { FormatError } from "../../format/format-error.ts";
import { type TimeZone } from "../../format/schedule/time-zone.ts";
import { type NotificationFile } from "../configuration/notification-file.ts";
import { type Section } from "../configuration/section-config.ts";
import { DeliveryError } from "./delivery-error.ts";
import { type Notification } from "./notification.ts";
import { notificationMatcher } from "./notification-matcher.ts";
import {
  type MailAddresses,
  type NotificationTarget,
  notificationTarget,
} from "./notification-target.ts";
import { type Mail, sendLocalMail, sendMail } from "./send-mail.ts";
import { callGotify, callWebhook } from "./send-request.ts";

/** What a {@link Notifier} works with. */
export interface NotifierOptions {
  readonly file: NotificationFile;
  /** Address for mail of a user. */
  readonly addressOf: (user: string) => string | undefined;
  /** Sender of mail whose target names none; `undefined` for one made of the host's name. */
  readonly sender: () => Promise<string | undefined>;
  readonly hostName: string;
  /** The zone in which windows of matchers are told now. */
  readonly zone: () => TimeZone;
  readonly logger: FastifyBaseLogger;
  readonly sendmailProgram: string;
  /** Milliseconds for one attempt. */
  readonly timeoutMs: number;
  /** Milliseconds before each further attempt. */
  readonly retryDelaysMs: readonly number[];
  /** Certificates, as PEM, that are trusted in place of those that are known everywhere; for tests. */
  readonly trusted?: string;
}

/** What became of a notification. */
export interface Delivery {
  /** What went wrong with the first attempts, a line each. */
  readonly failures: readonly string[];
  /**
   * Whether every target has it or was given up; a promise while some are tried again. `false` when the server ends before,
   * and when nobody knows what the targets are.
   */
  readonly isOver: boolean | Promise<boolean>;
}

/** What became of a first attempt, like {@link Delivery}. */
interface Attempt {
  readonly failure: string | undefined;
  readonly isOver: boolean | Promise<boolean>;
}

/** How long one attempt may take: the end of a job waits for the first one. */
export const DELIVERY_TIMEOUT_MS = 10_000;

/** When what could not be delivered is tried again: after half a minute, and after five. */
export const DELIVERY_RETRY_DELAYS_MS: readonly number[] = [30_000, 300_000];

/** Deliveries that wait for another attempt at once; what comes on top is given up. */
const WAITING_MAX = 100;

/**
 * Brings notifications to targets, as the matchers of the configuration say, which is read anew for each.
 *
 * Nothing it does fails or holds up for long what it tells about. What fails is logged, and tried again when that may help.
 */
export class Notifier implements AsyncDisposable {
  readonly #options: NotifierOptions;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<Promise<unknown>>();

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /**
   * Sends a notification to every target whose matcher it fits, once each.
   *
   * Returns after the first attempt at each, all at the same time; never rejects.
   *
   * @returns What went wrong, a line each.
   */
  async notify(notification: Notification): Promise<readonly string[]> {
    return (await this.deliver(notification)).failures;
  }

  /** Like {@link notify}, for those who have to know when it has arrived. */
  async deliver(notification: Notification): Promise<Delivery> {
    let targets: readonly NotificationTarget[];
    try {
      targets = await this.#targetsFor(notification);
    } catch (error) {
      this.#options.logger.error({ err: error }, "notifications cannot be read");
      return { failures: ["the configuration of notifications cannot be read"], isOver: false };
    }
    return await this.#sendToAll(targets, notification);
  }

  /** Sends mail to one user through the `sendmail` of this machine, whatever the matchers say; like {@link notify}. */
  async mailUser(user: string, notification: Notification): Promise<readonly string[]> {
    const target: NotificationTarget = {
      type: "sendmail",
      name: `mail to ${user}`,
      isEnabled: true,
      mailto: [],
      mailtoUsers: [user],
      fromAddress: undefined,
      author: undefined,
    };
    return (await this.#sendToAll([target], notification)).failures;
  }

  /**
   * Sends a notification to one target, also to one that is disabled.
   *
   * @returns Whether there is such a target.
   * @throws {DeliveryError} When it does not arrive.
   */
  async test(name: string, notification: Notification): Promise<boolean> {
    const { sections } = await this.#options.file.read();
    const target = sections.map(notificationTarget).find((each) => each?.name === name);
    if (!target) return false;
    const isSent = await this.#send(target, notification);
    if (!isSent) throw new DeliveryError("DELIVERY_UNSUITABLE", name, NOBODY);
    return true;
  }

  /** Ends attempts under way, and gives up what waits for another one. Later notifications fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#waiting);
  }

  async #targetsFor(notification: Notification): Promise<readonly NotificationTarget[]> {
    const { sections } = await this.#options.file.read();
    const zone = this.#options.zone();
    const wanted = new Set<string>();
    for (const section of sections.filter(({ type }) => type === "matcher")) {
      for (const name of this.#matched(section, notification, zone)) wanted.add(name);
    }
    return sections.flatMap((section) => {
      const target = notificationTarget(section);
      return target?.isEnabled === true && wanted.has(target.name) ? [target] : [];
    });
  }

  /** Targets that a matcher wants; one that cannot be read wants its targets, lest a slip of the pen hides a failure. */
  #matched(section: Section, notification: Notification, zone: TimeZone): readonly string[] {
    try {
      const matcher = notificationMatcher(section);
      return matcher.isEnabled && matcher.matches(notification, zone) ? matcher.targets : [];
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const { logger } = this.#options;
      logger.warn({ matcher: section.id, reason: error.message }, "matcher cannot be read");
      return (section.properties.get("target") ?? "").split("\n");
    }
  }

  async #sendToAll(
    targets: readonly NotificationTarget[],
    notification: Notification,
  ): Promise<Delivery> {
    const attempts = await Promise.all(
      targets.map(async (target) => await this.#attempt(target, notification, 0)),
    );
    const ends = attempts.map(({ isOver }) => isOver);
    return {
      failures: attempts.flatMap(({ failure }) => (failure === undefined ? [] : [failure])),
      isOver: ends.every((each) => typeof each === "boolean")
        ? ends.every(Boolean)
        : Promise.all(ends.map(async (each) => await each)).then((all) => all.every(Boolean)),
    };
  }

  /** One attempt, with its failure as a line; further ones follow by themselves. */
  async #attempt(
    target: NotificationTarget,
    notification: Notification,
    attemptsBefore: number,
  ): Promise<Attempt> {
    const { logger, retryDelaysMs } = this.#options;
    const fields = { target: target.name, title: notification.title };
    try {
      const isSent = await this.#send(target, notification);
      if (isSent) logger.info(fields, "notification sent");
      else logger.debug({ ...fields, reason: NOBODY }, "notification not sent");
      return { failure: undefined, isOver: true };
    } catch (error) {
      const isOurs = !(error instanceof BackupError);
      const reason = error instanceof Error ? error.message : String(error);
      const delayMs = retryDelaysMs[attemptsBefore];
      const isRetried =
        error instanceof DeliveryError &&
        error.code === "DELIVERY_UNREACHABLE" &&
        delayMs !== undefined &&
        !this.#stop.signal.aborted &&
        this.#waiting.size < WAITING_MAX;
      logger.warn(
        { ...fields, ...(isOurs ? { err: error } : { reason }), again: isRetried },
        "notification not delivered",
      );
      if (!isRetried) return { failure: reason, isOver: !this.#stop.signal.aborted };
      const isOver = this.#tryLater(delayMs, {
        target,
        notification,
        attempts: attemptsBefore + 1,
      });
      return { failure: `${reason}; it is tried again`, isOver };
    }
  }

  /** Gives {@link Delivery.isOver}. */
  async #tryLater(
    delayMs: number,
    {
      target,
      notification,
      attempts,
    }: {
      readonly target: NotificationTarget;
      readonly notification: Notification;
      readonly attempts: number;
    },
  ): Promise<boolean> {
    const waiting = (async (): Promise<boolean> => {
      try {
        await delay(delayMs, undefined, { signal: this.#stop.signal, ref: false });
      } catch {
        this.#options.logger.warn(
          { target: target.name, title: notification.title },
          "notification given up: the server ends",
        );
        return false;
      }
      const { isOver } = await this.#attempt(target, notification, attempts);
      return await isOver;
    })();
    this.#waiting.add(waiting);
    try {
      return await waiting;
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  /** Makes one attempt; gives `false` when the configuration names nobody who could get it. */
  async #send(target: NotificationTarget, notification: Notification): Promise<boolean> {
    const { hostName, timeoutMs, trusted, sendmailProgram } = this.#options;
    using limit = abortOnAny([this.#stop.signal], { timeoutMs });
    const { signal } = limit;
    const options = { hostName, timeoutMs, trusted, signal };
    switch (target.type) {
      case "webhook":
        await callWebhook(target, notification, options);
        return true;
      case "gotify":
        await callGotify(target, notification, options);
        return true;
      case "smtp":
      case "sendmail": {
        const mail = await this.#mailOf(target, notification);
        if (mail.recipients.length === 0) return false;
        const sending =
          target.type === "smtp"
            ? sendMail(target, mail, options)
            : sendLocalMail(sendmailProgram, mail, signal);
        await inTime(target.name, sending, signal);
        return true;
      }
    }
  }

  async #mailOf(
    target: MailAddresses & { readonly name: string },
    notification: Notification,
  ): Promise<Mail> {
    const { addressOf, hostName, sender } = this.#options;
    const ofUsers = target.mailtoUsers.flatMap((user) => addressOf(user) ?? []);
    const fromAddress = target.fromAddress ?? (await sender()) ?? `root@${hostName}`;
    return {
      target: target.name,
      recipients: [...new Set([...target.mailto, ...ofUsers])],
      author: target.author ?? `Amber (${hostName})`,
      fromAddress,
      notification,
    };
  }
}

const NOBODY = "no recipient has an address";

/** Waits for a delivery no longer than it may take; what is left of it ends by the time limits of its own. */
async function inTime(target: string, sending: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort: (() => void) | undefined;
  const late = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(new DeliveryError("DELIVERY_UNREACHABLE", target, "no answer in time"));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  sending.catch(() => undefined); // It may end after nobody waits for it any more.
  try {
    await Promise.race([sending, late]);
  } finally {
    if (onAbort) signal.removeEventListener("abort", onAbort);
  }
}
