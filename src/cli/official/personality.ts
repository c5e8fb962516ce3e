import { basename } from "node:path";

/** Programs that this one can be. */
export const programNames = [
  "amber",
  "proxmox-backup-client",
  "proxmox-backup-manager",
  "proxmox-file-restore",
  "pxar",
] as const;

/** An official program whose name this one can have. */
export type OfficialName = Exclude<(typeof programNames)[number], "amber">;

/** Which program a run is, and what it was told. */
export interface Personality {
  readonly name: (typeof programNames)[number];
  /** Arguments without the program's name. */
  readonly args: readonly string[];
}

/**
 * Tells which program a run is: the one whose name it was started under, for example through a link, else the one that the
 * first argument names, else `amber`.
 *
 * @param argv As in `process.argv`: interpreter, program, arguments.
 */
export function personalityOf(argv: readonly string[]): Personality {
  const [, program = "", ...args] = argv;
  const started = officialName(basename(program));
  if (started) return { name: started, args };
  const named = officialName(args[0] ?? "");
  return named ? { name: named, args: args.slice(1) } : { name: "amber", args };
}

/** Whose texts and exit statuses this run has. */
export function programStyle(argv: readonly string[] = process.argv): "amber" | "official" {
  return personalityOf(argv).name === "amber" ? "amber" : "official";
}

function officialName(text: string): OfficialName | undefined {
  return programNames.find((name): name is OfficialName => name === text && name !== "amber");
}
