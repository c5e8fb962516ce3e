import { expect } from "chai";

import { FsError } from "../../src/fs/fs-error.ts";
import { describeError, rebuildError } from "../../src/fs/thread-error.ts";

describe("fs/thread-error", () => {
  it("keeps name, message, code, stack and causes across a structured clone", () => {
    const cause = new TypeError("the reason");
    const error = new FsError("EIO", "read a file", { cause });

    const rebuilt = rebuildError(structuredClone(describeError(error)));

    expect(rebuilt).to.be.instanceOf(Error);
    expect(rebuilt).to.include({ name: "FsError", message: error.message, code: "EIO" });
    expect(rebuilt.stack).to.equal(error.stack);
    expect(rebuilt.cause).to.include({ name: "TypeError", message: "the reason" });
    expect(rebuilt.cause).not.to.have.property("code");
  });

  it("describes whatever is thrown, and causes that go round in circles", () => {
    const error = new Error("round");
    error.cause = error;

    expect(rebuildError(describeError("plain text"))).to.have.property("message", "plain text");
    expect(rebuildError(describeError(error))).to.have.nested.property("cause.message", "round");
  });
});
