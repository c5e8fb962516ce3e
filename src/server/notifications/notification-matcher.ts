import { FormatError } from "../../format/format-error.ts";
import { type TimeZone } from "../../format/schedule/time-zone.ts";
import { type Section } from "../configuration/section-config.ts";
import { isTrueText } from "../configuration/section-entry.ts";
import { isInWindow, parseDailyWindow } from "../traffic/daily-window.ts";
import { type Notification, severities, type Severity } from "./notification.ts";

/** Says to which targets a notification goes. */
export interface NotificationMatcher {
  readonly name: string;
  readonly isEnabled: boolean;
  /** Names, in the order of the configuration. */
  readonly targets: readonly string[];
  /** Whether a notification fits; the zone is that in which windows are told. */
  readonly matches: (notification: Notification, zone: TimeZone) => boolean;
}

/** Whether one rule fits. */
export type NotificationRule = (notification: Notification, zone: TimeZone) => boolean;

/**
 * The matcher of a section of `notifications.cfg` (spec rest-api.md §7).
 *
 * A matcher without rules fits everything; `mode` says whether all rules or any must fit, `invert-match` turns the
 * result around.
 *
 * @throws {FormatError} `FORMAT_INVALID` for a rule that is none.
 */
export function notificationMatcher({ id, properties }: Section): NotificationMatcher {
  const list = (name: string): readonly string[] =>
    (properties.get(name) ?? "").split("\n").filter((text) => text !== "");
  const rules = [
    ...list("match-field").map(parseFieldRule),
    ...list("match-severity").map(parseSeverityRule),
    ...list("match-calendar").map(parseCalendarRule),
  ];
  const isAny = properties.get("mode") === "any";
  const isInverted = isTrueText(properties.get("invert-match") ?? "0");
  return {
    name: id,
    isEnabled: !isTrueText(properties.get("disable") ?? "0"),
    targets: list("target"),
    matches: (notification, zone) => {
      const fits = (rule: NotificationRule): boolean => rule(notification, zone);
      const isMatch = rules.length === 0 || (isAny ? rules.some(fits) : rules.every(fits));
      return isMatch !== isInverted;
    },
  };
}

/**
 * `exact:FIELD=VALUE,VALUE` or `regex:FIELD=PATTERN`; without the word before the colon it is `exact`.
 *
 * A notification that lacks the field does not fit. A pattern is searched for, unless it has anchors.
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseFieldRule(text: string): NotificationRule {
  const match = /^(?:(exact|regex):)?([A-Za-z0-9_-]+)=(.+)$/.exec(text);
  if (!match) throw invalid("field rule", text);
  const [, kind = "exact", field = "", value = ""] = match;
  const fieldOf = ({ fields }: Notification): string | undefined =>
    new Map<string, string>(Object.entries(fields)).get(field);
  if (kind === "exact") {
    const wanted = new Set(value.split(",").map((each) => each.trim()));
    return (notification) => wanted.has(fieldOf(notification) ?? "");
  }
  const pattern = parsePattern(text, value);
  return (notification) => {
    const found = fieldOf(notification);
    return found !== undefined && pattern.test(found);
  };
}

/**
 * Severities joined by commas.
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseSeverityRule(text: string): NotificationRule {
  const wanted = new Set(text.split(",").map((each) => parseSeverity(text, each.trim())));
  return ({ severity }) => wanted.has(severity);
}

/**
 * Days and a window, like `mon..fri 8-17` (spec calendar-events.md §5); one hyphen between days means the same as two dots.
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseCalendarRule(text: string): NotificationRule {
  const window = parseDailyWindow(text.replaceAll(/([a-z])-([a-z])/gi, "$1..$2"));
  return ({ timeSec }, zone) => isInWindow(window, zone.wallTime(timeSec));
}

function parseSeverity(rule: string, text: string): Severity {
  const found = severities.find((each) => each === text);
  if (!found) throw invalid("severity", rule);
  return found;
}

function parsePattern(rule: string, text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch (cause) {
    throw new FormatError("FORMAT_INVALID", "field rule", `"${rule.slice(0, 100)}"`, { cause });
  }
}

function invalid(what: string, text: string): FormatError {
  return new FormatError("FORMAT_INVALID", what, `"${text.slice(0, 100)}"`);
}
