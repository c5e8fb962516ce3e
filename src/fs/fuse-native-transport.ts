import { mountedAt } from "../linux/mount-table.ts";
import { abortConnection } from "./abort-connection.ts";
import { FUSE_MOUNT_TYPE } from "./fuse-device.ts";
import { loadFuseNative, type NativeFuse, type NativeFuseClass } from "./fuse-native-binding.ts";
import { answerExtendedAttributes, makeNativeOperations } from "./fuse-native-operations.ts";
import { escapeMountOption } from "./fusermount.ts";
import { loadMaker } from "./load-maker.ts";
import { MountError } from "./mount-error.ts";
import { prepareMountPoint } from "./mount-point.ts";
import { PathFileSystem } from "./path-file-system.ts";
import { type Mount, type MountOptions, type PreparedMount, type Transport } from "./transport.ts";
import { unmountPath, unmountPathNow } from "./unmount-path.ts";

/** How often the table of mounts is looked at: the package does not say when somebody else has unmounted. */
const WATCH_MS = 500;

/**
 * The transport over the npm package `fuse-native`, for where the other cannot run.
 *
 * Slower, and less faithful: see {@link makeNativeOperations}. It answers from the main thread, so while that is busy,
 * or waits for a file inside the mount, nothing is answered; and a process that waits for something that is being
 * fetched cannot be killed until it comes or the deadline passes.
 */
export const fuseNativeTransport: Transport = {
  name: "fuse-native",
  prepare,
  mount: async ({ moduleUrl, argument }, options) =>
    await mountFuseNative(moduleUrl, argument, options),
};

/** There is nothing to start before: the file system lives in this thread. */
function prepare(moduleUrl: string): PreparedMount {
  return {
    mount: async (argument, options) => await mountFuseNative(moduleUrl, argument, options),
    [Symbol.asyncDispose]: async () => {
      await Promise.resolve();
    },
  };
}

async function mountFuseNative(
  moduleUrl: string,
  argument: unknown,
  options: MountOptions,
): Promise<Mount> {
  const mountPoint = await prepareMountPoint(options.mountPoint, new Set([FUSE_MOUNT_TYPE]));
  const Fuse = load(mountPoint);
  const files = new PathFileSystem(options.resolve);
  const makeFileSystem = await loadMaker(moduleUrl);
  files.attach(
    makeFileSystem(argument, {
      prefetch: (need) => {
        files.prefetch(need);
      },
      giveBack: (loan) => {
        options.giveBack?.(loan);
      },
    }),
  );

  const parts = { files, onError: options.onError };
  // Not options of the package, but passed on when they follow the name.
  const fsname = `${escapeMountOption(options.sourceName)},subtype=amber,ro,nosuid,nodev,use_ino`;
  const fuse = new Fuse(mountPoint, makeNativeOperations(parts), {
    fsname,
    allowOther: options.allowOther,
    defaultPermissions: options.allowOther,
    autoCache: true,
    timeout: false,
  });
  answerExtendedAttributes(fuse, parts);
  try {
    await new Promise<void>((resolve, reject) => {
      fuse.mount((error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  } catch (error) {
    throw new MountError("MOUNT_REFUSED", mountPoint, undefined, { cause: error });
  }
  return watchMount(fuse, mountPoint);
}

function load(mountPoint: string): NativeFuseClass {
  let Fuse: NativeFuseClass;
  try {
    Fuse = loadFuseNative();
  } catch (error) {
    const detail = "fuse-native has no binary for this system";
    throw new MountError("MOUNT_UNAVAILABLE", mountPoint, detail, { cause: error });
  }
  // The mount below takes care of the path; the package then only has to let go of its thread.
  Fuse.unmount = (_path, done) => {
    done(null);
  };
  return Fuse;
}

function watchMount(fuse: NativeFuse, mountPoint: string): Mount {
  const device = mountedAt(mountPoint)?.device;
  const isMounted = (): boolean => device !== undefined && mountedAt(mountPoint)?.device === device;
  const onExit = (): void => {
    if (isMounted()) unmountPathNow(mountPoint);
  };
  process.once("exit", onExit);
  let finish: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const check = (): void => {
    if (isMounted()) return;
    clearInterval(timer);
    process.off("exit", onExit);
    fuse.unmount(finish);
  };
  const timer = setInterval(check, WATCH_MS);
  return {
    ended,
    unmount: async () => {
      if (isMounted()) {
        await unmountPath(mountPoint, "plain").catch(async () => {
          await unmountPath(mountPoint, "lazy");
          // The descriptor is the package's: processes that still use the mount would be served on.
          if (device !== undefined) await abortConnection(device);
        });
      }
      check();
      await ended;
    },
  };
}
