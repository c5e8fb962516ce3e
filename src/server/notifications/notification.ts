/** How bad it is, the least bad first. */
export const severities = ["info", "notice", "warning", "error", "unknown"] as const;

/** One of {@link severities}. */
export type Severity = (typeof severities)[number];

/** Names of what matchers can look at. */
export const notificationFields = ["type", "datastore", "hostname", "job-id"] as const;

/** One of {@link notificationFields}. */
export type NotificationField = (typeof notificationFields)[number];

/** Kinds of what is told, as in the field `type`. */
export const notificationTypes = [
  "gc",
  "prune",
  "sync",
  "verify",
  "backup-overdue",
  "test",
] as const;

/** Something that people are told. */
export interface Notification {
  /** One line. */
  readonly title: string;
  readonly text: string;
  readonly severity: Severity;
  /** Members are absent where they mean nothing. */
  readonly fields: Readonly<Partial<Record<NotificationField, string>>>;
  readonly timeSec: number;
}

/** A text without control characters, line breaks among them, for where one line is wanted. */
export function onOneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are exactly what must go
  return text.replaceAll(/[\x00-\x1f\x7f\u2028\u2029]+/g, " ");
}
