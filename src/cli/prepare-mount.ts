import { datastoreModuleUrl } from "../fs/datastore-module-url.ts";
import { type PreparedMount } from "../fs/transport.ts";
import { type MountCommandOptions } from "./mount-options.ts";

/**
 * Starts the part of a mount that does not depend on what will be mounted: the thread that answers, which takes as long as loading all the
 * rest. So this is called first of all, and loads as little as possible. Whoever calls disposes.
 */
export async function prepareMount({
  transport,
}: Pick<MountCommandOptions, "transport">): Promise<PreparedMount> {
  if (transport === "fuse") {
    const { fuseTransport } = await import("../fs/fuse-transport.ts");
    return fuseTransport.prepare(datastoreModuleUrl());
  }
  const { fuseNativeTransport } = await import("../fs/fuse-native-transport.ts");
  return fuseNativeTransport.prepare(datastoreModuleUrl());
}
