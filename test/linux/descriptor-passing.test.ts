import { spawnSync } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync, statSync, writeSync } from "node:fs";

import { expect } from "chai";

import { readDescriptor, setNonBlocking } from "../../src/linux/descriptor-io.ts";
import {
  closeSockets,
  openSocketPair,
  receiveDescriptor,
} from "../../src/linux/descriptor-passing.ts";
import { scratchMemory } from "../../src/linux/scratch-memory.ts";
import { thrown } from "../support/thrown.ts";
import { skipBecause } from "../support/skip-because.ts";

const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe("linux/descriptor-passing", () => {
  it("receives a descriptor that another process sent", function () {
    if (!hasPython) skipBecause(this, "needs python3");
    const [ours, theirs] = openSocketPair();
    const program =
      "import os, socket\n" +
      "s = socket.socket(fileno=3)\n" +
      "socket.send_fds(s, [b'x'], [os.open('/etc/passwd', os.O_RDONLY)])\n";
    const child = spawnSync("python3", ["-c", program], {
      stdio: ["ignore", "inherit", "inherit", theirs],
    });
    expect(child.status).to.equal(0);

    const received = receiveDescriptor(ours);

    expect(fstatSync(received).ino).to.equal(statSync("/etc/passwd").ino);
    expect(isClosedOnExec(received)).to.equal(true);
    closeSync(received);
    closeSockets([ours, theirs]);
  });

  it("says ENODATA for a message without a descriptor, and EAGAIN for none", () => {
    const [ours, theirs] = openSocketPair();

    expect(thrown(() => receiveDescriptor(ours))).to.have.property("code", "EAGAIN");
    writeSync(theirs, "x");
    expect(thrown(() => receiveDescriptor(ours))).to.have.property("code", "ENODATA");

    closeSockets([ours, theirs, theirs]);
  });
});

describe("linux/descriptor-io", () => {
  it("reads and reports errors as negative numbers instead of throwing", () => {
    const { result, resultAddress } = scratchMemory();
    const file = openSync("/etc/passwd", "r");

    const size = readDescriptor(file, resultAddress, 100);
    closeSync(file);

    expect(
      Buffer.from(result.subarray(0, size)).equals(readFileSync("/etc/passwd").subarray(0, size)),
    ).to.equal(true);
    expect(readDescriptor(file, resultAddress, 100)).to.equal(-9);
  });

  it("makes a descriptor non-blocking", () => {
    const [ours, theirs] = openSocketPair();

    setNonBlocking(ours);

    expect(readDescriptor(ours, scratchMemory().resultAddress, 1)).to.equal(-11);
    closeSockets([ours, theirs]);
  });
});

/** Reads the flags of a descriptor; O_CLOEXEC is 02000000. */
function isClosedOnExec(descriptor: number): boolean {
  const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
  const flags = Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? "0", 8);
  return (flags & 0o2000000) !== 0;
}
