import { type ByteSource } from "../../chunks/byte-source.ts";
import {
  type Partition,
  type ReadDisk,
  readPartitions,
} from "../../format/disk/partition-table.ts";
import { readVolumeKind } from "../../format/disk/volume-kind.ts";
import { type VaultVolume } from "./vault-messages.ts";

/**
 * Partitions of an image with what each holds, from the few chunks that say so; a disk without a table is one volume, number 0.
 *
 * @throws {FormatError} `FORMAT_OUT_OF_RANGE` for a table that cannot be.
 */
export async function readVolumes(image: ByteSource): Promise<readonly VaultVolume[]> {
  const partitions = await readPartitions(reading(image, { offset: 0, size: image.size }));
  const whole: Partition = { number: 0, offset: 0, size: image.size };
  const volumes: VaultVolume[] = [];
  for (const volume of partitions.length === 0 ? [whole] : partitions) {
    volumes.push({ ...volume, kind: await readVolumeKind(reading(image, volume)) });
  }
  return volumes;
}

/** Reads of one part of an image; what lies behind the image's end is not there. */
function reading(
  image: ByteSource,
  part: { readonly offset: number; readonly size: number },
): ReadDisk {
  return async (offset, size) => {
    const start = Math.min(part.offset + offset, image.size);
    const end = Math.min(start + Math.min(size, Math.max(0, part.size - offset)), image.size);
    return end > start ? await image.readAt(start, end - start) : new Uint8Array(0);
  };
}
