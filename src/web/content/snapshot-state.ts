import { type SnapshotFile, type SnapshotItem } from "../api/snapshots-api.ts";

/** Days after which a verification should be repeated. */
export const VERIFY_DAYS = 30;

/** What is known about the chunks of a snapshot. */
export type VerifyState =
  | { readonly kind: "none" }
  | { readonly kind: "failed"; readonly upid: string }
  | { readonly kind: "ok" | "old"; readonly upid: string; readonly ageDays: number };

/** State of a snapshot's last verification. */
export function verifyStateOf(snapshot: SnapshotItem, nowSec: number): VerifyState {
  const { verification } = snapshot;
  if (!verification) return { kind: "none" };
  const { upid } = verification;
  if (verification.state !== "ok") return { kind: "failed", upid };
  const ageDays = Math.floor((nowSec - upidStartSec(upid)) / 86_400);
  return { kind: ageDays > VERIFY_DAYS ? "old" : "ok", upid, ageDays };
}

/** How the files of a snapshot are protected from being read. */
export function cryptModeOf(files: readonly SnapshotFile[]): "none" | "sign-only" | "encrypt" {
  if (files.some((file) => file["crypt-mode"] === "encrypt")) return "encrypt";
  if (files.some((file) => file["crypt-mode"] === "sign-only")) return "sign-only";
  return "none";
}

/** When the task of a UPID was started, in seconds since the epoch. */
export function upidStartSec(upid: string): number {
  return Number.parseInt(upid.split(":")[5] ?? "0", 16);
}
