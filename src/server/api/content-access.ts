import { Type, type TInteger, type TOptional, type TString } from "typebox";

import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type Namespace, parseNamespace } from "../../format/snapshot/namespace.ts";
import {
  type BackupGroup,
  parseBackupId,
  parseBackupType,
  type SnapshotId,
} from "../../format/snapshot/snapshot-id.ts";
import {
  type AccessControl,
  type ContentScope,
  datastorePath,
  requireOwner,
} from "../auth/access-control.ts";
import { type Datastores } from "../datastores.ts";
import { refused } from "../http/api-error.ts";
import { type ContentAccess } from "../http/permission.ts";
import {
  backupId,
  backupTime,
  backupType,
  datastoreName,
  optionalNamespace,
} from "../http/parameter-schema.ts";
import { type Datastore } from "../store/datastore.ts";

/** What the routes below `/admin/datastore` work on. */
export interface ContentOptions {
  readonly datastores: Datastores;
  readonly access: AccessControl;
}

/** A namespace of a datastore that the caller may use. */
export interface ContentPlace {
  readonly datastore: Datastore;
  readonly namespace: Namespace;
  /** Whether the owner of a group matters. */
  readonly scope: ContentScope;
}

/** Parameters that name a namespace. */
export const placeParameters: { store: TString; ns: typeof optionalNamespace } = {
  store: datastoreName,
  ns: optionalNamespace,
};

/** Parameters that name a group. */
export const groupParameters: typeof placeParameters & {
  "backup-type": typeof backupType;
  "backup-id": TString;
} = { ...placeParameters, "backup-type": backupType, "backup-id": backupId };

/** Parameters that name a snapshot. */
export const snapshotParameters: typeof groupParameters & { "backup-time": TInteger } = {
  ...groupParameters,
  "backup-time": backupTime,
};

/** A short text that may be left out. */
export const optionalText: TOptional<TString> = Type.Optional(Type.String());

/** Values of {@link placeParameters}. */
export interface PlaceValues {
  readonly store: string;
  readonly ns?: string;
}

/** Values of {@link groupParameters}. */
export interface GroupValues extends PlaceValues {
  readonly "backup-type": "vm" | "ct" | "host";
  readonly "backup-id": string;
}

/** Values of {@link snapshotParameters}. */
export interface SnapshotValues extends GroupValues {
  readonly "backup-time": number;
}

/**
 * Finds a namespace and checks what the caller may do there (spec auth.md §9.7).
 *
 * @throws {ApiError} `API_FORBIDDEN`; `API_REFUSED` for an unknown datastore or namespace.
 */
export async function openPlace(
  { datastores, access }: ContentOptions,
  caller: AuthId,
  values: PlaceValues,
  wanted: ContentAccess,
): Promise<ContentPlace> {
  const path = datastorePath(values.store, values.ns ?? "");
  const scope = access.requireContent(caller, path, wanted);
  const datastore = datastores.require(values.store, wanted.operation ?? "read");
  const namespace = parseNamespace(values.ns ?? "");
  await requireNamespace(datastore, namespace);
  return { datastore, namespace, scope };
}

/**
 * Refuses a namespace that is not there as the genuine server does, whose walk through the folder fails: with 400, since 404
 * means to servers that pull that there are no namespaces at all (spec retention-gc-verify-sync.md §5.2).
 *
 * @throws {ApiError} `API_REFUSED`.
 */
export async function requireNamespace(datastore: Datastore, namespace: Namespace): Promise<void> {
  if (!(await datastore.hasNamespace(namespace))) {
    throw refused("ENOENT: No such file or directory");
  }
}

/** Like {@link openPlace}, for one group: when the owner matters, the caller has to be it. */
export async function openGroup(
  options: ContentOptions,
  caller: AuthId,
  values: GroupValues,
  wanted: ContentAccess,
): Promise<ContentPlace & { readonly group: BackupGroup }> {
  const place = await openPlace(options, caller, values, wanted);
  const group = {
    type: parseBackupType(values["backup-type"]),
    id: parseBackupId(values["backup-id"]),
  };
  if (place.scope === "own groups") {
    requireOwner(caller, await place.datastore.readOwner(place.namespace, group));
  }
  return { ...place, group };
}

/** Like {@link openGroup}, for one snapshot; whether it exists is not looked at. */
export async function openSnapshot(
  options: ContentOptions,
  caller: AuthId,
  values: SnapshotValues,
  wanted: ContentAccess,
): Promise<ContentPlace & { readonly snapshot: SnapshotId }> {
  const { group, ...place } = await openGroup(options, caller, values, wanted);
  return { ...place, snapshot: { ...group, timeSec: values["backup-time"] } };
}
