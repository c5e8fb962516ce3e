/** Every privilege and its bit; sets of privileges are numbers (spec auth.md §9.1). */
export const privilegeBits = {
  "Sys.Audit": 1 << 0,
  "Sys.Modify": 1 << 1,
  "Sys.PowerManagement": 1 << 2,
  "Sys.Console": 1 << 3,
  "Permissions.Modify": 1 << 4,
  "Realm.Allocate": 1 << 5,
  "Datastore.Audit": 1 << 6,
  "Datastore.Allocate": 1 << 7,
  "Datastore.Modify": 1 << 8,
  "Datastore.Read": 1 << 9,
  "Datastore.Verify": 1 << 10,
  "Datastore.Backup": 1 << 11,
  "Datastore.Prune": 1 << 12,
  "Remote.Audit": 1 << 13,
  "Remote.Modify": 1 << 14,
  "Remote.Read": 1 << 15,
  "Tape.Audit": 1 << 16,
  "Tape.Modify": 1 << 17,
  "Tape.Write": 1 << 18,
  "Tape.Read": 1 << 19,
} as const;

/** Name of a privilege. */
export type Privilege = keyof typeof privilegeBits;

/** Every bit. */
export const ALL_PRIVILEGES: number = Object.values(privilegeBits).reduce(
  (all, bit) => all | bit,
  0,
);

/** The set of some privileges. */
export function privilegeSet(...names: readonly Privilege[]): number {
  return names.reduce((set, name) => set | privilegeBits[name], 0);
}

/** Names of a set, in alphabetical order. */
export function privilegeNames(set: number): readonly Privilege[] {
  const names: Privilege[] = [];
  for (const name of Object.keys(privilegeBits)) {
    if (isPrivilege(name) && (set & privilegeBits[name]) !== 0) names.push(name);
  }
  return names.sort();
}

function isPrivilege(name: string): name is Privilege {
  return Object.hasOwn(privilegeBits, name);
}

/** A role: a named set that cannot be changed. */
export interface Role {
  readonly privileges: number;
  readonly comment: string;
}

/** The built-in roles (spec auth.md §9.2). */
export const roles: Readonly<Record<string, Role>> = {
  Admin: { privileges: ALL_PRIVILEGES, comment: "Administrator" },
  Audit: { privileges: privilegeSet("Sys.Audit", "Datastore.Audit"), comment: "Auditor" },
  NoAccess: { privileges: 0, comment: "Disable Access" },
  DatastoreAdmin: {
    privileges: privilegeSet(
      "Datastore.Audit",
      "Datastore.Modify",
      "Datastore.Read",
      "Datastore.Verify",
      "Datastore.Backup",
      "Datastore.Prune",
    ),
    comment: "Datastore Administrator",
  },
  DatastoreReader: {
    privileges: privilegeSet("Datastore.Audit", "Datastore.Verify", "Datastore.Read"),
    comment: "Datastore Reader (inspect datastore content and do restores)",
  },
  DatastoreBackup: {
    privileges: privilegeSet("Datastore.Backup"),
    comment: "Datastore Backup (backup and restore owned backups)",
  },
  DatastorePowerUser: {
    privileges: privilegeSet("Datastore.Backup", "Datastore.Prune"),
    comment: "Datastore PowerUser (backup, restore and prune owned backup)",
  },
  DatastoreAudit: { privileges: privilegeSet("Datastore.Audit"), comment: "Datastore Auditor" },
  RemoteAudit: { privileges: privilegeSet("Remote.Audit"), comment: "Remote Auditor" },
  RemoteAdmin: {
    privileges: privilegeSet("Remote.Audit", "Remote.Modify", "Remote.Read"),
    comment: "Remote Administrator",
  },
  RemoteSyncOperator: {
    privileges: privilegeSet("Remote.Audit", "Remote.Read"),
    comment: "Syncronisation Operator",
  },
  TapeAudit: { privileges: privilegeSet("Tape.Audit"), comment: "Tape Auditor" },
  TapeAdmin: {
    privileges: privilegeSet("Tape.Audit", "Tape.Modify", "Tape.Read", "Tape.Write"),
    comment: "Tape Administrator",
  },
  TapeOperator: {
    privileges: privilegeSet("Tape.Audit", "Tape.Read", "Tape.Write"),
    comment: "Tape Operator",
  },
  TapeReader: { privileges: privilegeSet("Tape.Audit", "Tape.Read"), comment: "Tape Reader" },
};
