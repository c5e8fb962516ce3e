import { spawn } from "node:child_process";

import { fixtures } from "./fixtures.ts";

/** Runs the program in the C locale, as the recordings were made, and gathers both outputs. */
export async function runAgainst(
  server: { readonly port: number; readonly fingerprint: string },
  program: { readonly path: string; readonly home: string; readonly account?: string },
  args: readonly string[],
  secret: string,
): Promise<{ readonly output: string; readonly status: number | null }> {
  const repository = `${program.account ?? "test@pbs"}@localhost:${server.port}:store1`;
  const given = args.map((arg) =>
    arg
      .replace("HOME", program.home)
      .replace("FIXTURES", fixtures)
      .replace("REPOSITORY", repository),
  );
  const child = spawn(process.execPath, [program.path, ...given], {
    env: {
      PATH: process.env["PATH"],
      HOME: program.home,
      XDG_RUNTIME_DIR: program.home,
      TZ: "UTC",
      LC_ALL: "C",
      PBS_REPOSITORY: repository,
      PBS_PASSWORD: secret,
      PBS_FINGERPRINT: server.fingerprint,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (piece: Buffer) => (output += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (output += piece.toString()));
  const status = await new Promise<number | null>((done) => child.on("close", done));
  return { output, status };
}
