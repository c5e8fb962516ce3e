/** Makes datastores of many small snapshots out of one that a client made. */
import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { createNativeProvider } from "../src/format/crypto/native-provider.ts";
import { decodeManifest, encodeManifest } from "../src/format/manifest/manifest.ts";
import { parseBackupId, snapshotIdText } from "../src/format/snapshot/snapshot-id.ts";

/** Time of the first copy in each group; the others follow a day after each other. */
export const FIRST_COPY_SEC = 1_700_000_000;

/** How many copies are made, and of what. */
export interface Copies {
  /** Folder of the datastore. */
  readonly store: string;
  /** Group `host/ID` whose only snapshot is copied. */
  readonly id: string;
  readonly count: number;
  readonly perGroup: number;
}

/** Makes groups `host/copyNNN` out of a snapshot that is there: its indexes are linked, its manifest is renamed. */
export function copySnapshots({ store, id, count, perGroup }: Copies): void {
  const provider = createNativeProvider();
  const [original = ""] = readdirSync(join(store, "host", id)).filter((name) => name !== "owner");
  const from = join(store, "host", id, original);
  const manifest = decodeManifest(provider, readFileSync(join(from, "index.json.blob")));
  for (let i = 0; i < count; i++) {
    const copy = parseBackupId(`copy${String(Math.floor(i / perGroup)).padStart(3, "0")}`);
    const timeSec = FIRST_COPY_SEC + (i % perGroup) * 86_400;
    const snapshot = { type: "host", id: copy, timeSec } as const;
    const to = join(store, snapshotIdText(snapshot));
    mkdirSync(to, { recursive: true });
    if (i % perGroup === 0) writeFileSync(join(to, "..", "owner"), "admin@pbs\n");
    for (const name of readdirSync(from)) {
      if (name !== "index.json.blob") linkSync(join(from, name), join(to, name));
    }
    writeFileSync(join(to, "index.json.blob"), encodeManifest(provider, { ...manifest, snapshot }));
  }
}
