import { type RestoreOptions } from "../client/target/restore-request.ts";

/** What the flags of `amber restore` mean for a tree. */
export function treeOptions(flags: {
  readonly allowExistingDirs?: boolean;
  readonly overwrite?: boolean;
  readonly overwriteFiles?: boolean;
  readonly overwriteSymlinks?: boolean;
  readonly overwriteHardlinks?: boolean;
  readonly ignoreAcls?: boolean;
  readonly ignoreXattrs?: boolean;
  readonly ignoreFcaps?: boolean;
  readonly ignoreOwnership?: boolean;
  readonly ignorePermissions?: boolean;
  readonly ignoreExtractDeviceErrors?: boolean;
  readonly leaveOut?: Partial<RestoreOptions["leaveOut"]>;
  readonly sparse: boolean;
}): RestoreOptions {
  const all = flags.overwrite === true;
  return {
    existingDirectories: all || flags.allowExistingDirs === true ? "use" : "refuse",
    overwrite: {
      files: all || flags.overwriteFiles === true,
      symlinks: all || flags.overwriteSymlinks === true,
      hardLinks: all || flags.overwriteHardlinks === true,
      special: all,
    },
    ignore: {
      acls: flags.ignoreAcls === true,
      xattrs: flags.ignoreXattrs === true,
      fcaps: flags.ignoreFcaps === true,
      ownership: flags.ignoreOwnership === true,
      permissions: flags.ignorePermissions === true,
    },
    leaveOut: { devices: false, fifos: false, sockets: false, ...flags.leaveOut },
    deviceErrors: flags.ignoreExtractDeviceErrors === true ? "report" : "fail",
    zeros: flags.sparse ? "holes" : "written",
  };
}
