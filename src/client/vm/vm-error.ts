import { BackupError } from "../../format/backup-error.ts";

/** Every way a virtual machine or its disks can fail a backup. */
export const vmErrorMeanings = {
  VM_UNREACHABLE: "the monitor of the virtual machine cannot be reached",
  VM_MONITOR_TAKEN: "the monitor does not greet: another program is connected to it",
  VM_LOST: "the connection to the virtual machine ended early",
  VM_TIMEOUT: "the virtual machine did not answer in time",
  VM_PROTOCOL: "an answer breaks the protocol",
  VM_REFUSED: "QEMU refuses a command",
  VM_BACKUP_RUNNING: "another backup of the virtual machine is running",
  VM_NBD_TAKEN: "the NBD server of the virtual machine is in use by another program",
  VM_NO_DISKS: "the virtual machine has no disk that can be backed up",
  VM_DISK_UNREADABLE: "a disk cannot be read",
  VM_DISKS_CHANGED: "disks were added, removed or resized while the backup began",
  VM_FLEECING_FULL: "the room for old blocks is used up, so that the point in time is lost",
  VM_STAYS_ON: "the guest did not shut down in time",
  VM_STOP_REFUSED: "the guest would not come back when it is shut down",
  VM_LEFT_OFF: "the guest does not run again",
  VM_NOT_FOUND: "there is no such virtual machine",
  VM_SOCKET_TAKEN: "a socket cannot be made at this path",
  VM_OVERLAY_OTHER: "the file is not the beginning of a restore of this image",
  VM_TOOL_MISSING: "a program that is needed cannot be run",
  VM_TOOL_FAILED: "a program that is needed fails",
} as const;

/** Stable identifier of a {@link VmError}. */
export type VmErrorCode = keyof typeof vmErrorMeanings;

/** Thrown by everything that talks to QEMU and its tools. */
export class VmError extends BackupError {
  override readonly code: VmErrorCode;

  /**
   * Describes one failure.
   *
   * @param action What cannot be done, for example `back up the disk "vd0"`; with why, unless the meaning of the code says it.
   */
  constructor(
    code: VmErrorCode,
    action: string,
    options?: ErrorOptions & { readonly detail?: string },
  ) {
    super(`Cannot ${action}: ${options?.detail ?? vmErrorMeanings[code]}`, options);
    this.code = code;
  }
}
