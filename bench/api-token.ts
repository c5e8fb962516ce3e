import { execFileSync } from "node:child_process";

import { amberProgram } from "../test/support/amber-program.ts";

/**
 * Environment of a client that has an API token, as docs/operations.md advises for whatever runs by itself: it does not log in, which costs
 * a password 80 ms of SCrypt on purpose.
 *
 * @param env Of the administrator of a new server, with `PBS_REPOSITORY` and `PBS_PASSWORD`.
 */
export function withApiToken(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const repository = env["PBS_REPOSITORY"] ?? "";
  const manage = (...args: readonly string[]): string =>
    execFileSync(
      process.execPath,
      [amberProgram, "manager", ...args, "--repository", repository, "--output-format", "json"],
      { env: { ...process.env, ...env }, encoding: "utf8" },
    );
  const made = JSON.parse(manage("user", "generate-token", "admin@pbs", "bench")) as {
    value: string;
  };
  manage("acl", "update", "/", "Admin", "--auth-id", "admin@pbs!bench");
  return {
    ...env,
    PBS_REPOSITORY: repository.replace(/^admin@pbs@/, "admin@pbs!bench@"),
    PBS_PASSWORD: made.value,
  };
}
