/** Words of the curves. */
export const chartWords = {
  title: "Over time",
  frame: "Span",
  frames: { hour: "Hour", day: "Day", week: "Week", month: "Month", year: "Year" },
  usage: "Space used",
  read: "Read",
  write: "Written",
  transfer: "Transfer",
  perSecond: (text: string) => `${text}/s`,
  summary: (name: string, last: string) => `${name}, at last ${last}`,
  empty: "Nothing has been measured yet; a measurement is made every minute.",
} as const;
