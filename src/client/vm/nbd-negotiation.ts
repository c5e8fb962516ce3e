import { type Socket } from "node:net";

import { nbd, nbdInfo, nbdOptionReplies, nbdOptions } from "./nbd-wire.ts";
import { type SocketReader } from "./socket-reader.ts";
import { VmError } from "./vm-error.ts";

/** How an export is opened. */
export interface NbdOptions {
  /** Path of the server's Unix socket. */
  readonly path: string;
  readonly exportName: string;
  /** Meta contexts that are wanted; what the server does not have is left out. */
  readonly contexts: readonly string[];
  readonly signal: AbortSignal;
}

/** What client and server have agreed on. */
export interface NbdAgreement {
  /** Bytes of the export. */
  readonly size: number;
  /** Flags of the export. */
  readonly flags: number;
  /** The meta contexts that the server has, by the number it gives them. */
  readonly contexts: ReadonlyMap<number, string>;
}

/** Longest answer to an option; ours. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** Agrees with an NBD server on an export, structured replies and meta contexts (spec sources-feasibility.md §1.9). */
export async function negotiate(
  socket: Socket,
  reader: SocketReader,
  { exportName, contexts }: Pick<NbdOptions, "exportName" | "contexts">,
): Promise<NbdAgreement> {
  const fail = (detail: string): VmError =>
    new VmError("VM_PROTOCOL", `open the disk "${exportName}"`, { detail });
  const greeting = await reader.read(18);
  if (greeting.readBigUInt64BE(0) !== nbd.magic || greeting.readBigUInt64BE(8) !== nbd.optionMagic)
    throw fail("the server speaks no newstyle NBD");
  if ((greeting.readUInt16BE(16) & nbd.fixedNewstyle) === 0)
    throw fail("the server does not negotiate");
  const flags = Buffer.alloc(4);
  flags.writeUInt32BE(greeting.readUInt16BE(16) & nbd.handshakeFlags);
  socket.write(flags);

  const ask = async (option: number, data: Buffer): Promise<Answer[]> => {
    socket.write(optionRequest(option, data));
    const answers: Answer[] = [];
    for (;;) {
      const answer = await readAnswer(reader);
      if (answer.option !== option || answer.data.length > ANSWER_BYTES_MAX)
        throw fail("an answer to something else");
      if (answer.type === nbdOptionReplies.ack) return answers;
      if (answer.type >= nbd.isOptionError) {
        const text = answer.data.toString();
        if (answer.type === nbdOptionReplies.unknown) {
          const detail = text === "" ? "the server has no such export" : text;
          throw new VmError("VM_DISK_UNREADABLE", `open the disk "${exportName}"`, { detail });
        }
        throw fail(`the server refuses option ${option}${text === "" ? "" : `: ${text}`}`);
      }
      answers.push(answer);
    }
  };

  await ask(nbdOptions.structuredReply, Buffer.alloc(0));
  const queries = Buffer.concat([text(exportName), u32(contexts.length), ...contexts.map(text)]);
  const given = contexts.length > 0 ? await ask(nbdOptions.setMetaContext, queries) : [];
  const known = given
    .filter(({ type, data }) => type === nbdOptionReplies.metaContext && data.length >= 4)
    .map(({ data }) => [data.readUInt32BE(0), data.toString("utf8", 4)] as const);
  const infos = await ask(nbdOptions.go, Buffer.concat([text(exportName), Buffer.alloc(2)]));
  const info = infos.find(
    ({ type, data }) =>
      type === nbdOptionReplies.info &&
      data.length >= 12 &&
      data.readUInt16BE(0) === nbdInfo.export,
  );
  if (!info) throw fail("the server does not tell the size");
  const size = info.data.readBigUInt64BE(2);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw fail("it is too large");
  return { size: Number(size), flags: info.data.readUInt16BE(10), contexts: new Map(known) };
}

interface Answer {
  readonly option: number;
  readonly type: number;
  readonly data: Buffer;
}

async function readAnswer(reader: SocketReader): Promise<Answer> {
  const head = await reader.read(20);
  const size = head.readUInt32BE(16);
  const isOurs = head.readBigUInt64BE(0) === nbd.optionReplyMagic && size <= ANSWER_BYTES_MAX;
  if (!isOurs) {
    throw new VmError("VM_PROTOCOL", "negotiate with an NBD server", {
      detail: "an answer begins wrongly",
    });
  }
  return {
    option: head.readUInt32BE(8),
    type: head.readUInt32BE(12),
    data: await reader.read(size),
  };
}

function optionRequest(option: number, data: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64BE(nbd.optionMagic, 0);
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(data.length, 12);
  return Buffer.concat([head, data]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
