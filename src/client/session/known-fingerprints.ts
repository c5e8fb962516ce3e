import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";

import { type Fingerprint, parseFingerprint } from "../../format/crypto/fingerprint.ts";
import { replacePrivateFile } from "./private-file.ts";

/** Where accepted certificates are remembered, by server name. */
export interface KnownFingerprints {
  /** Fingerprint that was accepted for a server. */
  find(server: string): Promise<Fingerprint | undefined>;
  /** Remembers a fingerprint in place of the one before. */
  store(server: string, fingerprint: Fingerprint): Promise<void>;
}

/**
 * The file `fingerprints` of the configuration folder: one `<server> <fingerprint>` a line (spec auth.md §10).
 *
 * A missing file counts as empty; lines that cannot be understood are kept but not used.
 */
export function fingerprintsFile(path: string): KnownFingerprints {
  const readLines = async (): Promise<string[]> => {
    try {
      return (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw error;
    }
  };
  return {
    find: async (server) => {
      const line = (await readLines()).find((candidate) => candidate.startsWith(`${server} `));
      return line === undefined ? undefined : parseFingerprint(line.slice(server.length + 1));
    },
    store: async (server, fingerprint) => {
      const others = (await readLines()).filter((line) => !line.startsWith(`${server} `));
      const lines = [...others, `${server} ${fingerprint}`];
      await replacePrivateFile(path, `${lines.join("\n")}\n`, randomUUID());
    },
  };
}
