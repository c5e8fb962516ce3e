import { type Socket } from "node:net";

import { type NbdExport } from "./nbd-export.ts";
import { ALLOCATION_CONTEXT, nbd, nbdExportFlags, nbdInfo } from "./nbd-wire.ts";
import { nbdOptionReplies, nbdOptions } from "./nbd-wire.ts";
import { type SocketReader } from "./socket-reader.ts";
import { VmError } from "./vm-error.ts";

/** What a server and a client that has come have agreed on. */
export interface NbdAcceptance {
  readonly target: NbdExport;
  /** How reads are answered. */
  readonly replies: "simple" | "structured";
  /** Whether the client may ask for {@link ALLOCATION_CONTEXT}, whose number is {@link ALLOCATION_ID}. */
  readonly hasAllocation: boolean;
}

/** Number of the only meta context. */
export const ALLOCATION_ID = 1;

/** Longest data of an option; ours. Names have 4096 bytes at most by the protocol. */
const OPTION_BYTES_MAX = 64 * 1024;

/** Reads and requests of every length are fine from 1 byte on; 32 MiB is what every client may send (NBD's doc/proto.md). */
const blockSizes = { minimum: 1, preferred: 4096, maximum: 32 * 1024 * 1024 } as const;

/**
 * The server's side of the negotiation (NBD's doc/proto.md, fixed newstyle).
 *
 * A name that is empty means the only export, where there is but one.
 *
 * @returns `undefined` when the client only wanted to ask.
 * @throws {VmError} `VM_PROTOCOL`; what `reader` throws when the client hangs up.
 */
export async function acceptNbdClient(
  socket: Socket,
  reader: SocketReader,
  exports: readonly NbdExport[],
): Promise<NbdAcceptance | undefined> {
  const greeting = Buffer.alloc(18);
  greeting.writeBigUInt64BE(nbd.magic, 0);
  greeting.writeBigUInt64BE(nbd.optionMagic, 8);
  greeting.writeUInt16BE(nbd.handshakeFlags, 16);
  await send(socket, greeting);
  const clientFlags = (await reader.read(4)).readUInt32BE();
  let replies: NbdAcceptance["replies"] = "simple";
  let hasAllocation = false;
  const named = (name: string): NbdExport | undefined =>
    name === "" && exports.length === 1 ? exports[0] : exports.find((one) => one.name === name);
  for (;;) {
    const { option, data } = await readOption(reader);
    const reply = async (type: number, body: Uint8Array = new Uint8Array(0)): Promise<void> => {
      await send(socket, optionReply(option, type, body));
    };
    switch (option) {
      case nbdOptions.exportName: {
        const target = named(data.toString());
        if (!target) throw refused("there is no such export"); // The protocol has no other answer.
        const tail = (clientFlags & nbd.noZeroes) === 0 ? Buffer.alloc(124) : Buffer.alloc(0);
        await send(socket, Buffer.concat([exportInfo(target), tail]));
        return { target, replies, hasAllocation };
      }
      case nbdOptions.abort:
        await reply(nbdOptionReplies.ack);
        return undefined;
      case nbdOptions.list:
        for (const { name } of exports) await reply(nbdOptionReplies.server, text(name));
        await reply(nbdOptionReplies.ack);
        break;
      case nbdOptions.structuredReply:
        replies = "structured";
        await reply(nbdOptionReplies.ack);
        break;
      case nbdOptions.listMetaContext:
      case nbdOptions.setMetaContext: {
        const { name, queries } = parseQueries(data);
        if (!named(name)) {
          await reply(nbdOptionReplies.unknown);
          break;
        }
        const isListing = option === nbdOptions.listMetaContext;
        const isWanted =
          queries.some(
            (query) => query === ALLOCATION_CONTEXT || (isListing && query === "base:"),
          ) ||
          (isListing && queries.length === 0);
        if (!isListing) hasAllocation = isWanted && replies === "structured";
        if (isWanted) {
          const id = u32(isListing ? 0 : ALLOCATION_ID);
          await reply(
            nbdOptionReplies.metaContext,
            Buffer.concat([id, Buffer.from(ALLOCATION_CONTEXT)]),
          );
        }
        await reply(nbdOptionReplies.ack);
        break;
      }
      case nbdOptions.info:
      case nbdOptions.go: {
        const target = named(parseName(data).name);
        if (!target) {
          await reply(nbdOptionReplies.unknown, Buffer.from("there is no such export"));
          break;
        }
        await reply(
          nbdOptionReplies.info,
          Buffer.concat([u16(nbdInfo.export), exportInfo(target)]),
        );
        const { minimum, preferred, maximum } = blockSizes;
        const sizes = [minimum, preferred, maximum].map(u32);
        await reply(nbdOptionReplies.info, Buffer.concat([u16(nbdInfo.blockSize), ...sizes]));
        await reply(nbdOptionReplies.ack);
        if (option === nbdOptions.go) return { target, replies, hasAllocation };
        break;
      }
      default:
        await reply(nbdOptionReplies.unsupported);
    }
  }
}

/** Waits until it has left, so that a client that reads nothing is asked for nothing more. */
async function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.write(bytes, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

async function readOption(
  reader: SocketReader,
): Promise<{ readonly option: number; readonly data: Buffer }> {
  const head = await reader.read(16);
  const size = head.readUInt32BE(12);
  if (head.readBigUInt64BE(0) !== nbd.optionMagic) throw refused("an option begins wrongly");
  if (size > OPTION_BYTES_MAX) throw refused("an option is too long");
  return { option: head.readUInt32BE(8), data: await reader.read(size) };
}

function parseName(data: Buffer): { readonly name: string; readonly end: number } {
  const end = 4 + (data.length < 4 ? Number.NaN : data.readUInt32BE(0));
  if (!(end <= data.length)) throw refused("an option ends early");
  return { name: data.toString("utf8", 4, end), end };
}

function parseQueries(data: Buffer): { readonly name: string; readonly queries: string[] } {
  const { name, end } = parseName(data);
  if (end + 4 > data.length) throw refused("an option ends early");
  const queries: string[] = [];
  let rest = data.subarray(end + 4);
  for (let left = data.readUInt32BE(end); left > 0; left--) {
    const query = parseName(rest);
    queries.push(query.name);
    rest = rest.subarray(query.end);
  }
  return { name, queries };
}

function exportInfo({ size }: NbdExport): Buffer {
  const info = Buffer.alloc(10);
  info.writeBigUInt64BE(BigInt(size), 0);
  info.writeUInt16BE(nbdExportFlags, 8);
  return info;
}

function optionReply(option: number, type: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(20);
  head.writeBigUInt64BE(nbd.optionReplyMagic, 0);
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(type, 12);
  head.writeUInt32BE(body.length, 16);
  return Buffer.concat([head, body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function refused(detail: string): VmError {
  return new VmError("VM_PROTOCOL", "serve an NBD client", { detail });
}
