import { parentPort } from "node:worker_threads";

import { bindLibc, lastErrno } from "../../src/linux/libc.ts";

// Makes one system call per message. A thread of its own, because the call may wait for a file system that the main
// thread serves.

parentPort?.on("message", ({ prototype, args }: { prototype: string; args: unknown[] }) => {
  const result = bindLibc(prototype)(...args);
  parentPort?.postMessage({ result, errno: result < 0 ? lastErrno() : 0, args });
});
