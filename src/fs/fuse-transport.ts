import { type FileSystemRecipe } from "./file-system.ts";
import { FUSE_MOUNT_TYPE, openFuseDevice } from "./fuse-device.ts";
import { FuseMount } from "./fuse-mount.ts";
import { FuseThread } from "./fuse-thread.ts";
import { prepareMountPoint } from "./mount-point.ts";
import { type Mount, type MountOptions, type Transport } from "./transport.ts";

/**
 * The transport that speaks the kernel's FUSE protocol itself; the default on Linux.
 *
 * The file system lives in a thread of its own, so requests are answered while this thread is busy. Anything a name
 * can hold, times to the nanosecond and transfers of 1 MiB reach the kernel as they are. Why and how: docs/decisions/0005.
 */
export const fuseTransport: Transport = { name: "fuse", mount: mountFuse };

const ownTypes: ReadonlySet<string> = new Set([FUSE_MOUNT_TYPE]);

async function mountFuse(recipe: FileSystemRecipe, options: MountOptions): Promise<Mount> {
  const { sourceName, allowOther, resolve, giveBack, onError } = options;
  const mountPoint = await prepareMountPoint(options.mountPoint, ownTypes);
  const enforcesAccessLists = allowOther;
  const thread = new FuseThread({ recipe, enforcesAccessLists, resolve, giveBack, onError });
  let mount: FuseMount;
  try {
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
