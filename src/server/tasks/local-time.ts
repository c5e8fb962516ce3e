/** Renders a time as local time with offset, 25 characters: `2024-06-21T22:00:00+02:00` (spec rest-api.md §1.7). */
export function formatLocalTime(sec: number): string {
  const date = new Date(sec * 1000);
  const offsetMinutes = -date.getTimezoneOffset();
  const local = new Date((sec + offsetMinutes * 60) * 1000).toISOString().slice(0, 19);
  const size = Math.abs(offsetMinutes);
  const offset = `${twoDigits(Math.floor(size / 60))}:${twoDigits(size % 60)}`;
  return `${local}${offsetMinutes < 0 ? "-" : "+"}${offset}`;
}

function twoDigits(value: number): string {
  return value.toString().padStart(2, "0");
}
