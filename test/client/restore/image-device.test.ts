import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect } from "chai";

import { ImageDevice } from "../../../src/client/restore/image-device.ts";
import { RestoreError } from "../../../src/client/target/restore-error.ts";
import { seededBytes } from "../../support/odd-tree.ts";
import { rejection } from "../../support/rejection.ts";
import { skipBecause } from "../../support/skip-because.ts";

const DEVICE_BYTES = 8 * 1024 * 1024;

describe("client/restore/image-device", () => {
  let directory = "";
  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), "amber-device-"));
  });
  let device = "";
  let backing = "";
  beforeEach(function () {
    backing = path.join(directory, "backing");
    fs.writeFileSync(backing, Buffer.alloc(DEVICE_BYTES, "old content "));
    const made = spawnSync("losetup", ["--find", "--show", backing], { encoding: "utf8" });
    if (made.status !== 0) {
      skipBecause(this, "needs root and loop devices");
    }
    device = made.stdout.trim();
  });
  afterEach(() => {
    if (device !== "") spawnSync("losetup", ["--detach", device]);
    device = "";
    fs.rmSync(directory, { recursive: true });
  });

  it("overwrites the front of a device, zeros included, and leaves the rest", async () => {
    const data = seededBytes(1_000_000, 1);
    const image = Buffer.concat([data, new Uint8Array(2_000_000), data, new Uint8Array(77_777)]);
    const target = await ImageDevice.open(device, image.length + 1_048_576);

    await target.write(image.subarray(3_000_000), 3_000_000);
    await target.write(image.subarray(0, 3_000_000), 0);
    await target.writeZeros(image.length, 1_048_576);
    await target.finish();

    const expected = Buffer.alloc(DEVICE_BYTES, "old content ");
    image.copy(expected);
    expected.fill(0, image.length, image.length + 1_048_576);
    expect(fs.readFileSync(device).equals(expected)).to.equal(true);
  });

  it("gives the space of zeros back to the device", async () => {
    const target = await ImageDevice.open(device, DEVICE_BYTES);

    await target.writeZeros(0, DEVICE_BYTES);
    await target.finish();

    expect(fs.statSync(backing).blocks).to.equal(0);
    expect(fs.readFileSync(device).equals(Buffer.alloc(DEVICE_BYTES))).to.equal(true);
  });

  it("refuses a device that is too small before anything is written", async () => {
    const error = await rejection(ImageDevice.open(device, DEVICE_BYTES + 1));

    expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_TARGET_TOO_SMALL");
  });

  it("refuses a device that is in use", async () => {
    spawnSync("mkfs.ext4", ["-q", device]);
    const point = path.join(directory, "mounted");
    fs.mkdirSync(point);
    expect(spawnSync("mount", [device, point]).status).to.equal(0);
    try {
      const error = await rejection(ImageDevice.open(device, 1));

      expect(error).to.be.instanceOf(RestoreError).with.property("code", "RESTORE_TARGET_UNUSABLE");
    } finally {
      spawnSync("umount", [point]);
    }
  });
});
