import { BackupError } from "../../format/backup-error.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { parseKeyFile } from "../../format/crypto/key-file.ts";
import { unlockKeyFile } from "../../format/crypto/lock-key.ts";
import { createPortableProvider } from "../../format/crypto/portable-provider.ts";
import { type SnapshotPlace, snapshotName } from "../api/snapshot-place.ts";
import { compareTrees } from "./compare-trees.ts";
import { fileHistory } from "./file-history.ts";
import { readVolumes } from "./read-volumes.ts";
import {
  type ArchivePlaceOfVault,
  type VaultAnswer,
  type VaultMethod,
  type VaultMethods,
  type VaultQuestion,
} from "./vault-messages.ts";
import { keyName, VaultSnapshot } from "./vault-snapshot.ts";
import { type VaultTree } from "./vault-tree.ts";

/** A method that may take its time. */
type Handler<Method extends VaultMethod> = (
  request: Parameters<VaultMethods[Method]>[0],
) => Promise<ReturnType<VaultMethods[Method]>> | ReturnType<VaultMethods[Method]>;

const provider = createPortableProvider();
const keys = new Map<string, CryptKey>();
const snapshots = new Map<string, Promise<VaultSnapshot>>();

const handlers: { readonly [Method in VaultMethod]: Handler<Method> } = {
  addKey({ text, passphrase }) {
    const key = unlockKeyFile(provider, parseKeyFile(text), new TextEncoder().encode(passphrase));
    const name = keyName(provider, key);
    keys.set(name, key);
    snapshots.clear(); // What was opened without the key is opened again with it.
    return name;
  },
  keys: () => [...keys.keys()],
  async open({ snapshot }) {
    const { trust, lacksKey } = await snapshotOf(snapshot);
    return { trust, lacksKey };
  },
  async list({ id, ...place }) {
    return await (await treeOf(place)).list(id);
  },
  async describe({ id, ...place }) {
    return await (await treeOf(place)).describe(id);
  },
  async read({ id, offset, size, ...place }) {
    return await (await treeOf(place)).read(id, offset, size);
  },
  async sizeOf({ snapshot, archive }) {
    return (await (await snapshotOf(snapshot)).whole(archive)).size;
  },
  async readWhole({ snapshot, archive, offset, size }) {
    return await (await (await snapshotOf(snapshot)).whole(archive)).readAt(offset, size);
  },
  async volumes({ snapshot, archive }) {
    return await readVolumes(await (await snapshotOf(snapshot)).whole(archive));
  },
  async compare({ before, after, itemsMax }) {
    const trees = [await treeOf(before), await treeOf(after)] as const;
    return await compareTrees(...trees, { archive: after.archive, itemsMax });
  },
  async history({ places, id }) {
    return await fileHistory(places, id, treeOf);
  },
};

async function snapshotOf(place: SnapshotPlace): Promise<VaultSnapshot> {
  const name = `${place.store} ${place.ns} ${snapshotName(place)}`;
  let opened = snapshots.get(name);
  if (!opened) {
    opened = VaultSnapshot.open(provider, place, keys);
    snapshots.set(name, opened);
    opened.catch(() => snapshots.delete(name));
  }
  return await opened;
}

async function treeOf({ snapshot, archive }: ArchivePlaceOfVault): Promise<VaultTree> {
  return await (await snapshotOf(snapshot)).tree(archive);
}

async function answer({ number, method, request }: VaultQuestion): Promise<VaultAnswer> {
  try {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- Vault.ask pairs methods with their requests
    const handle = handlers[method] as (request: unknown) => unknown;
    return { number, result: await handle(request) };
  } catch (error) {
    const code = error instanceof BackupError ? error.code : undefined;
    return { number, error: { message: messageOf(error), code } };
  }
}

/** With the cause: an error about a chunk says what is wrong with it only there. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

addEventListener("message", (event: MessageEvent<VaultQuestion>) => {
  void answer(event.data).then((reply) => postMessage(reply));
});
