import { objects, text } from "../../src/client/vm/vm-disks.ts";
import { type QemuGuest } from "./qemu-guest.ts";

/** What a backup has left in QEMU besides bitmaps: names of nodes, objects and exports. */
export async function leftInGuest({ control }: Pick<QemuGuest, "control">): Promise<string[]> {
  const nodes = objects(await control.execute("query-named-block-nodes", { flat: true }));
  const ids = objects(await control.execute("qom-list", { path: "/objects" }));
  const exports = objects(await control.execute("query-block-exports"));
  return [
    ...nodes.map((node) => text(node["node-name"])),
    ...ids.map(({ name }) => text(name)),
    ...exports.map(({ id }) => text(id)),
  ].filter((name) => name.startsWith("amber"));
}
