import { Type, type TEnum } from "typebox";

/** Period that a history covers, until now. */
export const historyTimeframe: TEnum<["hour", "day", "week", "month", "year", "decade"]> =
  Type.Enum(["hour", "day", "week", "month", "year", "decade"], {
    description: "Period until now; the longer it is, the longer are the steps.",
  });

/** How the measurements of one step become one value. */
export const historyConsolidation: TEnum<["MAX", "AVERAGE"]> = Type.Enum(["MAX", "AVERAGE"], {
  description: "How the measurements of one step become one value.",
});
