import { createPrivateKey, createPublicKey } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";

import { parseAuthId } from "../../../src/format/snapshot/auth-id.ts";
import { isCsrfToken, makeCsrfToken } from "../../../src/server/auth/csrf-token.ts";
import { signTicket, verifyTicket } from "../../../src/server/auth/ticket.ts";

// PKCS#8 wrapping of a bare Ed25519 seed (RFC 8410 §7).
const pkcs8Head = "302e020100300506032b657004220420";
const key = createPrivateKey({
  key: Buffer.from(pkcs8Head + "01".repeat(32), "hex"),
  format: "der",
  type: "pkcs8",
});
const publicKey = createPublicKey(key);
const timeSec = 0x6650a0b0;
// The worked example of spec auth.md §4.
const example =
  "PBS:backup@pbs:6650A0B0::rsuG7/Me9GvnBa02sBfPlL/w3mDINNQHiaSTqPMt+noPkgyyxIv6z9JLsC8jRymqFIt1TVo2shU5xTlrgr3jAg";

describe("server/auth/ticket", () => {
  it("makes the ticket of the worked example", () => {
    expect(signTicket("backup@pbs", timeSec, key)).to.equal(example);
  });

  it("takes the worked example apart", () => {
    expect(verifyTicket(example, timeSec, publicKey)).to.deep.equal({
      data: "backup@pbs",
      timeSec,
    });
  });

  it("accepts tickets from 300 s in the future to 7200 s in the past", () => {
    const valid = (nowSec: number): boolean =>
      verifyTicket(example, nowSec, publicKey) !== undefined;

    expect([timeSec - 300, timeSec + 7200].map(valid)).to.deep.equal([true, true]);
    expect([timeSec - 301, timeSec + 7201].map(valid)).to.deep.equal([false, false]);
  });

  it("refuses a ticket of which any character was changed", () => {
    fc.assert(
      fc.property(
        fc.nat(example.length - 1),
        fc.constantFrom("A", "a", "0", "+", "/", ":"),
        (at, character) => {
          fc.pre(example[at] !== character);
          // The last character carries four bits that base64 does not use.
          fc.pre(at !== example.length - 1);
          const changed = example.slice(0, at) + character + example.slice(at + 1);
          expect(verifyTicket(changed, timeSec, publicKey)).to.equal(undefined);
        },
      ),
    );
  });

  it("gives back any data it was given", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 30 }), (data) => {
        fc.pre(!data.includes("%"));
        const ticket = signTicket(data, timeSec, key);
        expect(verifyTicket(ticket, timeSec, publicKey)?.data).to.equal(data);
      }),
    );
  });
});

describe("server/auth/csrf-token", () => {
  const user = parseAuthId("backup@pbs");
  const secret = new Uint8Array(32).fill(2);
  const token = "6650A0B0:7dGAMfN9oNvzoTLHz3Lq44wI6d3K77G/24I/9VTkiew";

  it("makes the token of the worked example", () => {
    expect(makeCsrfToken(user, timeSec, secret)).to.equal(token);
  });

  it("accepts its own tokens for the same user only", () => {
    expect(isCsrfToken(token, user, { nowSec: timeSec, secret })).to.equal(true);
    expect(isCsrfToken(token, parseAuthId("other@pbs"), { nowSec: timeSec, secret })).to.equal(
      false,
    );
  });

  it("refuses a token that is too old", () => {
    expect(isCsrfToken(token, user, { nowSec: timeSec + 7201, secret })).to.equal(false);
  });
});
