import { once } from "node:events";

/** Items written at once. */
const ITEMS_PER_WRITE = 500;

/**
 * Writes items to standard output, one a line, no faster than they are read.
 *
 * @throws The signal's reason, also when the reader has gone.
 */
export async function writeBatched<Item>(
  items: AsyncIterable<Item>,
  render: (item: Item) => string,
  signal: AbortSignal,
): Promise<void> {
  let lines: string[] = [];
  for await (const item of items) {
    lines.push(`${render(item)}\n`);
    if (lines.length < ITEMS_PER_WRITE) continue;
    await writeOutput(lines.join(""), signal);
    lines = [];
  }
  if (lines.length > 0) await writeOutput(lines.join(""), signal);
}

/** Writes to standard output and waits for a slow reader; one that has gone ends the wait through the signal. */
export async function writeOutput(text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!process.stdout.write(text)) await once(process.stdout, "drain", { signal });
}
