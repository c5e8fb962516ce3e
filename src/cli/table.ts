import { visibleLine } from "./visible-text.ts";

/** One column of a table. */
export interface Column<Row> {
  /** Text above the column. */
  readonly title: string;
  /** Numbers stand at the right. */
  readonly align: "left" | "right";
  /** Text of one cell; shown as {@link visibleLine}, since names come from servers. */
  readonly cell: (row: Row) => string;
}

/** How tables look, as the environment says. */
export interface TableStyle {
  /** Lines around cells: box-drawing characters, ASCII, or none (`PROXMOX_OUTPUT_NO_BORDER`). */
  readonly border: "unicode" | "ascii" | "none";
  /** Whether titles are printed (`PROXMOX_OUTPUT_NO_HEADER`). */
  readonly hasHeader: boolean;
}

/** Left end, line, crossing and right end of a rule. */
type Rule = readonly [left: string, line: string, crossing: string, right: string];

interface Border {
  readonly top: Rule;
  readonly belowHeader: Rule;
  readonly between: Rule;
  readonly bottom: Rule;
  readonly side: string;
}

const ASCII_STRONG: Rule = ["+", "=", "+", "+"];

const borders: Readonly<Record<"unicode" | "ascii", Border>> = {
  unicode: {
    top: ["┌", "─", "┬", "┐"],
    belowHeader: ["╞", "═", "╪", "╡"],
    between: ["├", "─", "┼", "┤"],
    bottom: ["└", "─", "┴", "┘"],
    side: "│",
  },
  ascii: {
    top: ASCII_STRONG,
    belowHeader: ASCII_STRONG,
    between: ["+", "-", "+", "+"],
    bottom: ASCII_STRONG,
    side: "|",
  },
};

/** Reads the style of tables: borders of the locale, unless switched off (spec client-cli.md §1). */
export function tableStyle(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): TableStyle {
  const locale = environment["LC_ALL"] ?? environment["LC_CTYPE"] ?? environment["LANG"] ?? "";
  const border = /utf-?8/i.test(locale) ? "unicode" : "ascii";
  return {
    border: isSet(environment["PROXMOX_OUTPUT_NO_BORDER"]) ? "none" : border,
    hasHeader: !isSet(environment["PROXMOX_OUTPUT_NO_HEADER"]),
  };
}

/** Renders rows as a table that ends in a line end; without rows there is only the header. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  style: TableStyle,
): string {
  const cells = rows.map((row) => columns.map((column) => visibleLine(column.cell(row))));
  const titles = style.hasHeader ? columns.map((column) => column.title) : undefined;
  const widths = columns.map((_, i) =>
    Math.max(0, ...[...cells, ...(titles ? [titles] : [])].map((line) => (line[i] ?? "").length)),
  );
  const padded = cells.map((line) =>
    line.map((cell, i) =>
      columns[i]?.align === "right" ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
    ),
  );
  // The official tables align a title as its column.
  const header = titles?.map((title, i) =>
    columns[i]?.align === "right" ? title.padStart(widths[i] ?? 0) : title.padEnd(widths[i] ?? 0),
  );
  const lines =
    style.border === "none"
      ? [...(header ? [header] : []), ...padded].map((line) => line.join(" ").trimEnd())
      : framed(header, padded, widths, borders[style.border]);
  return lines.map((line) => `${line}\n`).join("");
}

function framed(
  header: readonly string[] | undefined,
  rows: readonly (readonly string[])[],
  widths: readonly number[],
  border: Border,
): string[] {
  const rule = ([left, line, crossing, right]: Rule): string =>
    left + widths.map((width) => line.repeat(width + 2)).join(crossing) + right;
  const content = (cells: readonly string[]): string =>
    `${border.side}${cells.map((cell) => ` ${cell} `).join(border.side)}${border.side}`;
  return [
    rule(border.top),
    ...(header ? [content(header), rule(border.belowHeader)] : []),
    ...rows.flatMap((row, i) => (i === 0 ? [content(row)] : [rule(border.between), content(row)])),
    ...(header && rows.length === 0 ? [] : [rule(border.bottom)]),
  ];
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0";
}
