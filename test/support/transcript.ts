import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** The files of the complete transcript of spec backup-protocol.md §7. */
export interface TranscriptChunk {
  readonly plain: Buffer;
  readonly blob: Buffer;
  readonly digest: string;
}

const PLAIN_MAGIC = Buffer.from("42ab3807be8370a1", "hex");

/** An uncompressed, unencrypted blob. */
export function plainBlob(plain: Buffer): Buffer {
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(plain));
  return Buffer.concat([PLAIN_MAGIC, crc, plain]);
}

export function transcriptChunk(plain: Buffer): TranscriptChunk {
  const digest = createHash("sha256").update(plain).digest("hex");
  return { plain, blob: plainBlob(plain), digest };
}

export const chunkA: TranscriptChunk = transcriptChunk(Buffer.alloc(100_000, "a"));
export const chunkB: TranscriptChunk = transcriptChunk(Buffer.alloc(50_000, "b"));
export const chunkZ: TranscriptChunk = transcriptChunk(Buffer.alloc(4_194_304));
export const chunkC: TranscriptChunk = transcriptChunk(Buffer.alloc(1024, "c"));

export const rootCsum = "e378df59e4ca9b087e6fd535048950466d2ffba7d2a619c2f0542d32c0d00ba9";
export const driveCsum = "ab154b7f8b82f9293976f989a39231631a3c86a368822d11cabc326c98f1570e";
export const configBlob: Buffer = Buffer.from(
  "42ab3807be8370a1887a2a146e616d653a2064656d6f0a6d656d6f72793a20323034380a",
  "hex",
);

/** The manifest's JSON as it stands in the transcript. */
export function transcriptManifest(backupTime: number): Buffer {
  return plainBlob(
    Buffer.from(
      `{"backup-type":"vm","backup-id":"100","backup-time":${backupTime},"files":[` +
        `{"filename":"root.pxar.didx","crypt-mode":"none","size":150000,"csum":"${rootCsum}"},` +
        `{"filename":"drive-scsi0.img.fidx","crypt-mode":"none","size":4195328,"csum":"${driveCsum}"},` +
        `{"filename":"qemu-server.conf.blob","crypt-mode":"none","size":36,"csum":"d0e4911b12e8639d7b2a1f97281d228c880e5a76541c97850b585eb34ddb49ba"}],` +
        `"unprotected":{},"signature":null}`,
    ),
  );
}

/** Query of a chunk upload. */
export function chunkQuery(chunk: TranscriptChunk, wid: number): string {
  const { digest, blob, plain } = chunk;
  return `digest=${digest}&encoded-size=${blob.length}&size=${plain.length}&wid=${wid}`;
}
