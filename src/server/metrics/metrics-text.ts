import { Gauge, Registry } from "prom-client";

import { type BackupGroup } from "../../format/snapshot/snapshot-id.ts";
import { type CollectionStatus } from "../store/collection-status.ts";
import { type StorageSpace } from "../store/store-backend.ts";
import { type MachineStatus } from "../node/machine-status.ts";
import { type GroupMetrics } from "./group-metrics.ts";

/** Figures of one datastore; what cannot be read is absent. */
export interface DatastoreMetrics {
  readonly name: string;
  readonly space: StorageSpace | undefined;
  readonly collection: CollectionStatus | undefined;
  /** End of the last collection that went well. */
  readonly collectedSec: number | undefined;
  readonly groups: readonly GroupMetrics[];
  /** Groups whose backups must not be too old. */
  readonly watched: readonly WatchedMetrics[];
}

/** A group with the age that its newest backup may have. */
export interface WatchedMetrics {
  readonly namespace: string;
  readonly group: BackupGroup;
  readonly ageMaxSec: number;
  readonly isOverdue: boolean;
}

/** Everything that is written down in one answer. */
export interface ServerMetrics {
  readonly nowSec: number;
  readonly version: string;
  /** Those that the caller may see. */
  readonly datastores: readonly DatastoreMetrics[];
  /** Running tasks and sessions by type; `undefined` when the caller may not see them. */
  readonly runningTasks: ReadonlyMap<string, number> | undefined;
  /** `undefined` when the caller may not see it. */
  readonly machine: MachineMetrics | undefined;
}

/** Figures of the machine; bytes, seconds, and parts of 1. */
export interface MachineMetrics extends Pick<
  MachineStatus,
  "loadavg" | "uptime" | "memory" | "swap" | "root"
> {
  readonly cpu: number;
  readonly wait: number;
}

/** Writes metrics in the text format of Prometheus 0.0.4. */
export async function metricsText(metrics: ServerMetrics): Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, ...labelNames: string[]): Gauge =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  gauge("pbs_up", "Always 1: the server answers.").set(1);
  gauge("amber_info", "Version of this server.", "version").set({ version: metrics.version }, 1);
  gauge("pbs_version", "Version of this server.", "version").set({ version: metrics.version }, 1);
  writeDatastores(metrics, gauge);
  writeGroups(metrics, gauge);
  writeWatched(metrics, gauge);
  if (metrics.machine) writeMachine(metrics.machine, gauge);
  if (metrics.runningTasks) {
    const running = gauge("amber_running_tasks", "Tasks and sessions going on.", "type");
    for (const [type, count] of metrics.runningTasks) running.set({ type }, count);
  }
  return await registry.metrics();
}

type MakeGauge = (name: string, help: string, ...labelNames: string[]) => Gauge;

function writeDatastores({ nowSec, datastores }: ServerMetrics, gauge: MakeGauge): void {
  const of = (name: string, help: string): Gauge => gauge(name, help, "datastore");
  const up = of("amber_datastore_up", "Whether the datastore can be used.");
  const size = of("pbs_size", "Bytes of the disk.");
  const used = of("pbs_used", "Bytes of the disk in use.");
  const available = of("pbs_available", "Bytes of the disk that can still be used.");
  const collectedSec = of("amber_gc_last_success_timestamp_seconds", "End of the last collection.");
  const age = of("amber_gc_age_seconds", "Seconds since then.");
  const data = of("amber_gc_index_data_bytes", "Bytes of all backups before deduplication.");
  const disk = of("amber_gc_disk_bytes", "Bytes of chunks in use at the last collection.");
  const pending = of("amber_gc_pending_bytes", "Bytes of chunks that the next ones may free.");
  const bad = of("amber_gc_bad_chunks", "Corrupt chunks that are set aside.");
  const factor = of("amber_deduplication_factor", "Bytes of backups per byte of chunks.");
  for (const { name, space, collection, collectedSec: endSec } of datastores) {
    const labels = { datastore: name };
    up.set(labels, space ? 1 : 0);
    if (space) {
      size.set(labels, space.totalBytes);
      used.set(labels, space.usedBytes);
      available.set(labels, space.availableBytes);
    }
    if (endSec !== undefined) {
      collectedSec.set(labels, endSec);
      age.set(labels, nowSec - endSec);
    }
    if (typeof collection?.upid !== "string") continue;
    data.set(labels, collection["index-data-bytes"]);
    disk.set(labels, collection["disk-bytes"]);
    pending.set(labels, collection["pending-bytes"]);
    bad.set(labels, collection["still-bad"]);
    const diskBytes = collection["disk-bytes"];
    factor.set(labels, diskBytes === 0 ? 1 : collection["index-data-bytes"] / diskBytes);
  }
}

function writeGroups({ nowSec, datastores }: ServerMetrics, gauge: MakeGauge): void {
  const of = (name: string, help: string): Gauge =>
    gauge(name, help, "datastore", "namespace", "type", "id");
  const guest = (name: string, help: string): Gauge =>
    gauge(name, help, "datastore", "namespace", "vm_id", "vm_name");
  const count = of("amber_group_snapshots", "Snapshots of the group.");
  const last = of("amber_group_last_success_timestamp_seconds", "Time of the newest backup.");
  const age = of("amber_group_age_seconds", "Seconds since the newest backup.");
  const verified = of("amber_group_verified", "Whether the newest backup was verified well.");
  const verifyAge = of("amber_group_verify_age_seconds", "Seconds since its verification.");
  const total = gauge("pbs_snapshot_count", "Snapshots.", "datastore", "namespace");
  const guestCount = guest("pbs_snapshot_vm_count", "Snapshots of a guest.");
  const guestLast = guest("pbs_snapshot_vm_last_timestamp", "Time of the newest backup.");
  const guestVerify = guest("pbs_snapshot_vm_last_verify", "1 if that was verified well, else 0.");
  for (const { name: datastore, groups } of datastores) {
    for (const { namespace, group, snapshotCount, comment, ...each } of groups) {
      const labels = { datastore, namespace, type: group.type, id: group.id };
      const guestLabels = { datastore, namespace, vm_id: group.id, vm_name: comment };
      const { lastSuccessSec, verification } = each;
      count.set(labels, snapshotCount);
      total.inc({ datastore, namespace }, snapshotCount);
      guestCount.set(guestLabels, snapshotCount);
      if (lastSuccessSec === undefined) continue;
      last.set(labels, lastSuccessSec);
      age.set(labels, nowSec - lastSuccessSec);
      guestLast.set(guestLabels, lastSuccessSec);
      guestVerify.set(guestLabels, verification?.state === "ok" ? 1 : 0);
      if (!verification) continue;
      verified.set(labels, verification.state === "ok" ? 1 : 0);
      verifyAge.set(labels, nowSec - verification.startSec);
    }
  }
}

function writeWatched({ datastores }: ServerMetrics, gauge: MakeGauge): void {
  const of = (name: string, help: string): Gauge =>
    gauge(name, help, "datastore", "namespace", "type", "id");
  const overdue = of(
    "amber_group_overdue",
    "Whether the newest backup is older than its rule allows.",
  );
  const ageMax = of("amber_group_age_max_seconds", "How old the newest backup may be.");
  for (const { name: datastore, watched } of datastores) {
    for (const { namespace, group, ageMaxSec, isOverdue } of watched) {
      const labels = { datastore, namespace, type: group.type, id: group.id };
      overdue.set(labels, isOverdue ? 1 : 0);
      ageMax.set(labels, ageMaxSec);
    }
  }
}

/** Under the names of the well-known exporter, which these figures are asked for by. */
function writeMachine({ memory, swap, root, ...machine }: MachineMetrics, gauge: MakeGauge): void {
  const set = (name: string, help: string, value: number | undefined): void => {
    if (value !== undefined) gauge(`pbs_host_${name}`, help).set(value);
  };
  set("cpu_usage", "Busy part of the processors.", machine.cpu);
  set("io_wait", "Part of the processors that waits for disks.", machine.wait);
  set("uptime", "Seconds since the machine was started.", machine.uptime);
  for (const [index, minutes] of [1, 5, 15].entries()) {
    set(`load${minutes}`, `Load of ${minutes} minutes.`, machine.loadavg[index]);
  }
  for (const [name, { total, used, free }] of Object.entries({ memory, swap })) {
    set(`${name}_total`, "Bytes.", total);
    set(`${name}_used`, "Bytes in use.", used);
    set(`${name}_free`, "Bytes not in use.", free);
  }
  set("disk_total", "Bytes of the root file system.", root.total);
  set("disk_used", "Bytes of it in use.", root.used);
  set("disk_available", "Bytes of it that can still be used.", root.avail);
}
