import { Type, type Static } from "typebox";
import { Value } from "typebox/value";

import { ConfigDirectory } from "../configuration/config-directory.ts";

const FILE = "overdue.json";

const content = Type.Object({
  /** When a group was first missed that has no backup at all, by its key. */
  missed: Type.Record(Type.String(), Type.Integer()),
  /** Since when a group is overdue that people were told about, by its key. */
  overdue: Type.Record(Type.String(), Type.Integer()),
});

/** What is remembered: seconds since the epoch by the key of a group. */
export interface OverdueMemory {
  readonly missed: ReadonlyMap<string, number>;
  readonly overdue: ReadonlyMap<string, number>;
}

/** Keeps an {@link OverdueMemory} in a file of the server's state. */
export class OverdueMemoryFile {
  readonly #directory: ConfigDirectory;

  private constructor(directory: ConfigDirectory) {
    this.#directory = directory;
  }

  /** Opens the folder of the state, creating it. */
  static async open(stateDirectory: string): Promise<OverdueMemoryFile> {
    return new OverdueMemoryFile(await ConfigDirectory.open(stateDirectory));
  }

  /** Reads it; one that is missing or cannot be read is empty: then people are told once more. */
  async read(): Promise<OverdueMemory> {
    const parsed = parse((await this.#directory.read(FILE)) ?? "{}");
    return {
      missed: new Map(Object.entries(parsed?.missed ?? {})),
      overdue: new Map(Object.entries(parsed?.overdue ?? {})),
    };
  }

  /** Replaces it; when this returns, it survives a crash. */
  async write({ missed, overdue }: OverdueMemory): Promise<void> {
    const text = JSON.stringify({
      missed: Object.fromEntries(missed),
      overdue: Object.fromEntries(overdue),
    });
    await this.#directory.write(FILE, text);
  }
}

function parse(text: string): Static<typeof content> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return Value.Check(content, parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
