import { accessSync, constants } from "node:fs";

/** Why no FUSE file system can be mounted here by this user; `undefined` when one can. */
export function reasonWithoutFuse(): string | undefined {
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return `/dev/fuse cannot be used: ${(error as NodeJS.ErrnoException).code ?? ""}`;
  }
}
