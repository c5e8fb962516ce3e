import { FUSE_MOUNT_TYPE, openFuseDevice } from "./fuse-device.ts";
import { FuseMount } from "./fuse-mount.ts";
import { FuseThread } from "./fuse-thread.ts";
import { prepareMountPoint } from "./mount-point.ts";
import { type Mount, type MountOptions, type PreparedMount, type Transport } from "./transport.ts";

/**
 * The transport that speaks the kernel's FUSE protocol itself; the default on Linux.
 *
 * The file system lives in a thread of its own, so requests are answered while this thread is busy. Anything a name
 * can hold, times to the nanosecond and transfers of 1 MiB reach the kernel as they are. Why and how: docs/decisions/0005.
 */
export const fuseTransport: Transport = {
  name: "fuse",
  prepare,
  mount: async ({ moduleUrl, argument }, options) => {
    await using prepared = prepare(moduleUrl);
    return await prepared.mount(argument, options);
  },
};

const ownTypes: ReadonlySet<string> = new Set([FUSE_MOUNT_TYPE]);

/** The thread is what takes time: it starts at once. */
function prepare(moduleUrl: string): PreparedMount {
  const thread = new FuseThread(moduleUrl);
  let isTaken = false;
  return {
    mount: async (argument, options) => {
      isTaken = true;
      return await mountFuse(thread, argument, options);
    },
    [Symbol.asyncDispose]: async () => {
      if (!isTaken) await thread.stop();
    },
  };
}

/** Mounts what `thread` makes; a thread that is not needed after all is ended. */
async function mountFuse(
  thread: FuseThread,
  argument: unknown,
  options: MountOptions,
): Promise<Mount> {
  const { sourceName, allowOther, resolve, giveBack, onError } = options;
  const enforcesAccessLists = allowOther;
  let mount: FuseMount;
  try {
    const mountPoint = await prepareMountPoint(options.mountPoint, ownTypes);
    thread.make({ argument, enforcesAccessLists, resolve, giveBack, onError });
    await thread.loaded;
    const descriptor = await openFuseDevice({ mountPoint, sourceName, allowOther });
    mount = new FuseMount({ mountPoint, descriptor, thread, onError });
    thread.serve(descriptor);
  } catch (error) {
    await thread.stop();
    throw error;
  }
  try {
    await thread.ready;
    await mount.raiseReadahead();
    return mount;
  } catch (error) {
    await mount.unmount();
    throw error;
  }
}
