import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiPath, apiSend, apiUrl } from "./api-call.ts";
import {
  type BackupType,
  type GroupPlace,
  groupParameters,
  type NamespacePlace,
  namespaceParameter,
  type SnapshotPlace,
  snapshotParameters,
} from "./snapshot-place.ts";

/** A group as the server lists it. */
export interface GroupItem {
  readonly "backup-type": BackupType;
  readonly "backup-id": string;
  readonly "last-backup": number;
  readonly "backup-count": number;
  readonly files: readonly string[];
  readonly owner: string;
  readonly comment?: string;
}

/** A file of a snapshot. */
export interface SnapshotFile {
  readonly filename: string;
  readonly "crypt-mode"?: string;
  readonly size?: number;
}

/** A snapshot as the server lists it. */
export interface SnapshotItem {
  readonly "backup-type": BackupType;
  readonly "backup-id": string;
  readonly "backup-time": number;
  readonly files: readonly SnapshotFile[];
  readonly size?: number;
  readonly owner: string;
  readonly protected: boolean;
  readonly comment?: string;
  readonly fingerprint?: string;
  readonly verification?: { readonly state: string; readonly upid: string };
}

/** Groups of a namespace. */
export const groupsQuery = ({ store, ns }: NamespacePlace) =>
  queryOptions({
    queryKey: ["content", store, ns, "groups"],
    queryFn: async () =>
      await apiGet<readonly GroupItem[]>(
        apiPath`/admin/datastore/${store}/groups`,
        namespaceParameter(ns),
      ),
  });

/** Every snapshot of a namespace. */
export const snapshotsQuery = ({ store, ns }: NamespacePlace) =>
  queryOptions({
    queryKey: ["content", store, ns, "snapshots"],
    queryFn: async () =>
      await apiGet<readonly SnapshotItem[]>(
        apiPath`/admin/datastore/${store}/snapshots`,
        namespaceParameter(ns),
      ),
  });

/** Snapshots of one group. */
export const groupSnapshotsQuery = (group: GroupPlace) =>
  queryOptions({
    queryKey: ["content", group.store, group.ns, "snapshots", group.type, group.id],
    queryFn: async () =>
      await apiGet<readonly SnapshotItem[]>(
        apiPath`/admin/datastore/${group.store}/snapshots`,
        groupParameters(group),
      ),
  });

/** Namespaces of a datastore that the caller may see, all levels, the root as an empty text. */
export const namespacesQuery = (store: string) =>
  queryOptions({
    queryKey: ["content", store, "namespaces"],
    queryFn: async () => {
      const path = apiPath`/admin/datastore/${store}/namespace`;
      const found = await apiGet<readonly { readonly ns: string }[]>(path);
      return found.map(({ ns }) => ns);
    },
  });

/** Notes of a snapshot. */
export const notesQuery = (place: SnapshotPlace) =>
  queryOptions({
    queryKey: ["content", place.store, place.ns, "notes", place.type, place.id, place.timeSec],
    queryFn: async () =>
      await apiGet<string>(
        apiPath`/admin/datastore/${place.store}/notes`,
        snapshotParameters(place),
      ),
  });

/** Notes of a group. */
export const groupNotesQuery = (place: GroupPlace) =>
  queryOptions({
    queryKey: ["content", place.store, place.ns, "group-notes", place.type, place.id],
    queryFn: async () =>
      await apiGet<string>(
        apiPath`/admin/datastore/${place.store}/group-notes`,
        groupParameters(place),
      ),
  });

/** Replaces the notes of a snapshot. */
export async function writeNotes(place: SnapshotPlace, notes: string): Promise<void> {
  await apiSend("PUT", apiPath`/admin/datastore/${place.store}/notes`, {
    ...snapshotParameters(place),
    notes,
  });
}

/** Replaces the notes of a group. */
export async function writeGroupNotes(place: GroupPlace, notes: string): Promise<void> {
  await apiSend("PUT", apiPath`/admin/datastore/${place.store}/group-notes`, {
    ...groupParameters(place),
    notes,
  });
}

/** Protects a snapshot from being removed, or ends that. */
export async function setProtection(
  place: SnapshotPlace,
  protection: "protected" | "removable",
): Promise<void> {
  await apiSend("PUT", apiPath`/admin/datastore/${place.store}/protected`, {
    ...snapshotParameters(place),
    protected: protection === "protected",
  });
}

/** Removes a snapshot. */
export async function forgetSnapshot(place: SnapshotPlace): Promise<void> {
  await apiSend(
    "DELETE",
    apiPath`/admin/datastore/${place.store}/snapshots`,
    snapshotParameters(place),
  );
}

/** Removes a group with every snapshot that is not protected. */
export async function forgetGroup(place: GroupPlace): Promise<void> {
  await apiSend("DELETE", apiPath`/admin/datastore/${place.store}/groups`, groupParameters(place));
}

/** Gives a group to another user or token. */
export async function changeOwner(place: GroupPlace, owner: string): Promise<void> {
  await apiSend("POST", apiPath`/admin/datastore/${place.store}/change-owner`, {
    ...groupParameters(place),
    "new-owner": owner,
  });
}

/** Adds a namespace below another. */
export async function createNamespace(parent: NamespacePlace, name: string): Promise<void> {
  await apiSend<string>("POST", apiPath`/admin/datastore/${parent.store}/namespace`, {
    name,
    ...(parent.ns === "" ? {} : { parent: parent.ns }),
  });
}

/** Removes a namespace, with all its groups if that is wanted. */
export async function removeNamespace(
  { store, ns }: NamespacePlace,
  groups: "keep groups" | "remove groups",
): Promise<void> {
  await apiSend("DELETE", apiPath`/admin/datastore/${store}/namespace`, {
    ns,
    "delete-groups": groups === "remove groups",
  });
}

/** What to verify; everything of a datastore, a namespace, a group or one snapshot. */
export interface VerifyRequest {
  readonly store: string;
  readonly ns?: string;
  readonly group?: Pick<GroupPlace, "type" | "id">;
  readonly timeSec?: number;
  /** Whether snapshots whose verification is recent are left out. */
  readonly recent: "skipped" | "verified again";
  readonly outdatedAfterDays?: number;
}

/** Starts a verification; gives the name of its task. */
export async function startVerify(request: VerifyRequest): Promise<string> {
  return await apiSend<string>("POST", apiPath`/admin/datastore/${request.store}/verify`, {
    ...namespaceParameter(request.ns ?? ""),
    ...(request.group && { "backup-type": request.group.type, "backup-id": request.group.id }),
    "backup-time": request.timeSec,
    "ignore-verified": request.recent === "skipped",
    "outdated-after": request.outdatedAfterDays,
  });
}

/** Address of a file of a snapshot as it is stored. */
export function storedFileUrl(place: SnapshotPlace, fileName: string): string {
  return apiUrl(apiPath`/admin/datastore/${place.store}/download`, {
    ...snapshotParameters(place),
    "file-name": fileName,
  });
}

/** Address of the content of a file of a snapshot. */
export function decodedFileUrl(place: SnapshotPlace, fileName: string): string {
  return apiUrl(apiPath`/admin/datastore/${place.store}/download-decoded`, {
    ...snapshotParameters(place),
    "file-name": fileName,
  });
}
