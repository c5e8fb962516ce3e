import { createReadStream } from "node:fs";

/**
 * Reads text from an open descriptor of this process to its end, and closes it.
 *
 * @param descriptor Its number as text, as options and variables give it.
 * @param bytesMax Longest text; longer ones are an error.
 * @throws {TypeError} when the text is no descriptor; a RangeError; whatever reading throws.
 */
export async function readDescriptor(descriptor: string, bytesMax: number): Promise<string> {
  if (!/^[0-9]{1,9}$/.test(descriptor)) {
    throw new TypeError(`"${descriptor}" is not a file descriptor`);
  }
  const stream = createReadStream("", { fd: Number(descriptor), encoding: "utf8" });
  let content = "";
  for await (const part of stream) {
    content += String(part);
    if (content.length > bytesMax) throw new RangeError("the value is too long");
  }
  return content;
}
