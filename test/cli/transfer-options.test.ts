import { expect } from "chai";

import { CliError } from "../../src/cli/cli-error.ts";
import { chooseRateLimit, parseSize } from "../../src/cli/transfer-options.ts";
import { rejection } from "../support/rejection.ts";
import { thrown } from "../support/thrown.ts";

describe("cli/transfer-options", () => {
  for (const [text, size] of [
    ["100000", 100_000],
    ["50MB", 50_000_000],
    ["50 MiB", 52_428_800],
    ["1.5g", 1_500_000_000],
    ["200KB/s", 200_000],
  ] as const) {
    it(`reads ${text}`, () => {
      expect(parseSize("--rate", text, 1)).to.equal(size);
    });
  }

  for (const text of ["", "fast", "-5", "10XB", "99999"]) {
    it(`refuses "${text}"`, () => {
      const error = thrown(() => parseSize("--rate", text, 100_000));

      expect(error).to.be.instanceOf(CliError).with.property("code", "CLI_USAGE");
    });
  }

  it("limits nothing without --rate, and refuses --burst alone", async () => {
    const { signal } = new AbortController();

    expect(await chooseRateLimit({}, signal)).to.equal(undefined);
    expect(await rejection(chooseRateLimit({ burst: "5MB" }, signal))).to.be.instanceOf(CliError);
  });
});
