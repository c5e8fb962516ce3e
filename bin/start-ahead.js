import { spawn } from "node:child_process";
import { basename } from "node:path";
import { isatty } from "node:tty";

/** What this program is called as itself: under another name `mount` may be another command. */
const OWN_NAME = /^amber(?:\.js)?$/;

/** Options with which `amber mount` does not go to the background as it would without them. */
const KEPT_FROM_IT = /^--(?:foreground|help|keyfd|background-child)\b|^-h$/;

/** Variables that name a descriptor, which would have to be handed over. */
const NAMES_A_DESCRIPTOR = /^PBS_\w+_FD$/;

/**
 * Starts the process that stays of `amber mount`, before the program is loaded: Node.js takes as long to start as loading takes.
 *
 * It waits until it is told to go on (src/cli/mount-background.ts, which starts it otherwise), so it does no harm where it turns out not
 * to be wanted. `undefined` for anything else, and where more than arguments and environment would have to be given to it.
 *
 * @returns How to take it over, once, and how to end it if nobody has; both do nothing to a process that has ended.
 */
export function startAhead(argv) {
  const [file, program, command, ...args] = argv;
  const mayStart = OWN_NAME.test(basename(program)) && command === "mount" && args.length > 0;
  if (!mayStart || args.some((word) => KEPT_FROM_IT.test(word))) return undefined;
  if (Object.keys(process.env).some((name) => NAMES_A_DESCRIPTOR.test(name))) return undefined;
  const mark = `--background-child=${isatty(0) ? "asked" : "unasked"}`;
  const child = spawn(file, [...process.execArgv, program, command, mark, ...args], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "ipc", "ignore"],
  });
  // Whoever wants it and finds that it has not started, or has ended, starts it again and is told why.
  const ignore = () => undefined;
  child.on("error", ignore);
  let isTaken = false;
  return {
    take: () => {
      isTaken = true;
      child.off("error", ignore);
      return child;
    },
    end: () => {
      if (!isTaken) child.kill("SIGKILL");
    },
  };
}
