import { type ReconnectPolicy } from "../../client/session/reader-session.ts";
import { SnapshotImages } from "../../client/vm/snapshot-images.ts";
import { createNativeProvider } from "../../format/crypto/native-provider.ts";
import { FIXED_CHUNK_BYTES } from "../../format/limits.ts";
import { startCodecPool } from "../start-codec-pool.ts";
import { chooseReadKey, usingKeyLine } from "../choose-crypt.ts";
import {
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
  withServer,
} from "../connection-options.ts";
import { type ReadKeyOptions, unsignedPolicy } from "../crypt-options.ts";
import { commandLog } from "../log.ts";
import { findSnapshot } from "../snapshot-argument.ts";
import { chooseRateLimit, parseSize, type RateOptions } from "../transfer-options.ts";

/** Options of commands that serve images of a snapshot. */
export interface SnapshotImagesOptions
  extends ConnectionOptions, NamespaceOption, ReadKeyOptions, RateOptions {
  readonly cacheSize: string;
}

/**
 * Opens images of a snapshot for as long as `use` runs; says when the server is gone, and when it is back.
 *
 * @param images Their names; all of the snapshot when empty.
 */
export async function withSnapshotImages<Result>(
  {
    snapshot,
    images,
    reconnect,
  }: {
    readonly snapshot: string;
    readonly images: readonly string[];
    readonly reconnect: ReconnectPolicy;
  },
  { options, signal }: { readonly options: SnapshotImagesOptions; readonly signal: AbortSignal },
  use: (opened: SnapshotImages) => Promise<Result>,
): Promise<Result> {
  const loaded = await chooseReadKey(options);
  if (loaded) commandLog.line("info", usingKeyLine(loaded));
  const namespace = await chooseNamespace(options);
  const rateLimit = await chooseRateLimit(options, signal);
  const cacheBytesMax = parseSize("--cache-size", options.cacheSize, FIXED_CHUNK_BYTES);
  await using pool = startCodecPool();
  return await withServer(options, async (server) => {
    const plan = {
      server,
      snapshot: { namespace, ...(await findSnapshot(server, namespace, snapshot, signal)) },
      key: loaded?.key,
      unsigned: unsignedPolicy(options, loaded),
      reconnect,
      cacheBytesMax,
      rateLimit,
    };
    using opened = await SnapshotImages.open(plan, images, {
      provider: createNativeProvider(),
      pool,
      signal,
      onConnectionChange: (isConnected) => {
        const text = isConnected ? "The server is back" : "The server is gone: reads wait for it";
        commandLog.line(isConnected ? "info" : "warn", text);
      },
    });
    return await use(opened);
  });
}
