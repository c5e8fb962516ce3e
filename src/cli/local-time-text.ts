const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/**
 * Renders seconds since the epoch as local time in the form of the C locale's `%c`: `Wed Jun  5 14:24:36 2024`.
 *
 * Other locales get the same text, so that scripts can rely on it.
 */
export function localTimeText(timeSec: number): string {
  const date = new Date(timeSec * 1000);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
  const day = String(date.getDate()).padStart(2);
  return `${DAYS[date.getDay()] ?? ""} ${MONTHS[date.getMonth()] ?? ""} ${day} ${time} ${date.getFullYear()}`;
}
