import { isJsonObject } from "../../client/session/server-answer.ts";
import { localTimeText } from "../local-time-text.ts";
import { renderTable, tableStyle } from "../table.ts";
import { type ManagerResult } from "./manager-command.ts";

/** Members that are times in seconds; 0 means never. */
const TIMES = new Set([
  "created",
  "endtime",
  "expire",
  "last-backup",
  "last-run-endtime",
  "next-run",
  "starttime",
]);

/** An answer of the API as text. */
export function resultText(result: Exclude<ManagerResult, "task" | "log">, data: unknown): string {
  switch (result) {
    case "nothing":
      return "";
    case "entry":
      return entryText(data);
    case "result":
      return data === null ? "" : `Result: ${JSON.stringify(data, undefined, 2)}\n`;
    case "certificates":
      return Array.isArray(data) ? data.map(certificateText).join("\n") : "";
    case "permissions":
      return permissionsText(data);
    default:
      return tableText(result.columns, data);
  }
}

function tableText(columns: readonly string[], data: unknown): string {
  const rows: readonly unknown[] = Array.isArray(data) ? data : [];
  return renderTable(
    rows,
    columns.map((title) => ({
      title,
      align: "left" as const,
      cell: (row: unknown) => (isJsonObject(row) ? cellText(title, row[title]) : ""),
    })),
    tableStyle(),
  );
}

function entryText(data: unknown): string {
  const rows = isJsonObject(data) ? Object.entries(data) : [];
  return renderTable(
    rows,
    [
      { title: "Name", align: "left", cell: ([name]) => name },
      { title: "Value", align: "left", cell: ([name, value]) => cellText(name, value) },
    ],
    tableStyle(),
  );
}

function certificateText(data: unknown): string {
  if (!isJsonObject(data)) return "";
  const value = (name: string): string => cellText(name, data[name]);
  const names: unknown = data["san"];
  const lines = [
    `Subject: ${value("subject")}`,
    ...(Array.isArray(names) ? names.map((name) => `  ${String(name)}`) : []),
    `Issuer: ${value("issuer")}`,
    `Validity:`,
    `  Not Before: ${localTimeText(Number(data["notbefore"]))}`,
    `  Not After: ${localTimeText(Number(data["notafter"]))}`,
    `Fingerprint (sha256): ${value("fingerprint")}`,
    `Public key type: ${value("public-key-type")}`,
    `Public key bits: ${value("public-key-bits")}`,
  ];
  return `${lines.join("\n")}\n`;
}

function permissionsText(data: unknown): string {
  const paths = isJsonObject(data) ? Object.entries(data) : [];
  const blocks = paths.map(([path, privileges]) => {
    const names = isJsonObject(privileges) ? Object.entries(privileges) : [];
    const lines = names.map(
      ([name, propagates]) => `- ${name}${propagates === true ? " (*)" : ""}`,
    );
    return [`Path: ${path}`, ...lines].join("\n");
  });
  return `Privileges with (*) have the propagate flag set\n\n${blocks.join("\n")}\n`;
}

function cellText(name: string, value: unknown): string {
  if (value === undefined || value === null) return "";
  if (TIMES.has(name) && typeof value === "number") {
    return value === 0 ? "never" : localTimeText(value);
  }
  if (typeof value === "boolean") return value ? "1" : "0";
  return typeof value === "string" ? value : JSON.stringify(value);
}
