import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import fs from "node:fs/promises";
import path from "node:path";

import { expect } from "chai";

import { chunkDigest } from "../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { FIXED_CHUNK_BYTES } from "../../src/format/limits.ts";
import { type SnapshotKey, snapshotPath } from "../../src/fs/fs-need.ts";
import { fuseTransport } from "../../src/fs/fuse-transport.ts";
import { datastoreRecipe } from "../../src/fs/make-file-system.ts";
import { zeroChunkNames } from "../../src/fs/zero-chunks.ts";
import { NeedResolver } from "../../src/fs/need-resolver.ts";
import { listAttributesAt, readAttributeAt } from "../../src/linux/extended-attributes.ts";
import { reasonWithoutFuse } from "../support/fuse-here.ts";
import { knownKey } from "../support/known-key.ts";
import { MemoryDatastore } from "../support/memory-datastore.ts";
import { type MemoryStore } from "../support/memory-upload.ts";
import { atPath, makeOddTree, removeOddTree, seededBytes } from "../support/odd-tree.ts";
import { packDirectory } from "../support/pack-directory.ts";
import { tempDir } from "../support/temp-dir.ts";
import { skipBecause } from "../support/skip-because.ts";

const snapshot: SnapshotKey = { namespace: "", type: "host", id: "odd", timeSec: 1_700_000_000 };

/** Runs a program to its end without standing in the way of the mount, which needs this thread. */
async function run(
  program: string,
  args: readonly string[],
): Promise<{ status: number; stdout: string; stderr: string }> {
  return await new Promise((resolve) => {
    execFile(program, args, (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

/** Everything that the system says about a tree, by path; inode numbers only as far as they are shared. */
async function describeTree(root: string): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  const firstNames = new Map<bigint, string>();
  const visit = async (file: Buffer, shown: string): Promise<void> => {
    const stat = await fs.lstat(file, { bigint: true });
    const isSame = stat.isFile() && stat.nlink > 1n;
    if (isSame && !firstNames.has(stat.ino)) firstNames.set(stat.ino, shown);
    found.set(shown, {
      mode: stat.mode.toString(8),
      uid: stat.uid,
      gid: stat.gid,
      mtimeNs: stat.mtimeNs,
      size: stat.isDirectory() ? undefined : stat.size,
      rdev: stat.isCharacterDevice() || stat.isBlockDevice() ? stat.rdev : undefined,
      // Not every file system counts directories in directories; ours must.
      nlink: stat.isDirectory() ? undefined : stat.isFile() ? stat.nlink : undefined,
      sameAs: isSame ? firstNames.get(stat.ino) : undefined,
      target: stat.isSymbolicLink() ? await fs.readlink(file, "hex") : undefined,
      sha256: stat.isFile() ? await sha256(file) : undefined,
      attributes: attributesOf(file),
    });
    if (!stat.isDirectory()) return;
    const names = await fs.readdir(file, { encoding: "buffer" });
    for (const name of names.sort((a, b) => Buffer.compare(a, b))) {
      await visit(
        Buffer.concat([file, Buffer.from("/"), name]),
        `${shown}/${name.toString("latin1")}`,
      );
    }
  };
  await visit(Buffer.from(root), "");
  return found;
}

function attributesOf(file: Buffer): Record<string, string> {
  return atPath(file, (directoryFd, name) =>
    Object.fromEntries(
      listAttributesAt(directoryFd, name)
        .toSorted()
        .map((attribute) => [
          Buffer.from(attribute, "latin1").toString("hex"),
          Buffer.from(readAttributeAt(directoryFd, name, attribute) ?? []).toString("hex"),
        ]),
    ),
  );
}

async function sha256(file: Buffer): Promise<string> {
  const hash = createHash("sha256");
  for await (const block of createReadStream(file)) hash.update(block as Uint8Array);
  return hash.digest("hex");
}

async function nlinksOfDirectories(root: string): Promise<number[]> {
  const differences: number[] = [];
  const visit = async (directory: string): Promise<void> => {
    const { nlink } = await fs.lstat(directory);
    const entries = await fs.readdir(directory, { withFileTypes: true });
    const inside = entries.filter((entry) => entry.isDirectory());
    differences.push(nlink - 2 - inside.length);
    for (const { name } of inside)
      if (!name.includes("\ufffd")) await visit(path.join(directory, name));
  };
  await visit(root);
  return differences;
}

describe("integration/mount", function () {
  this.timeout(60_000);

  before(function () {
    const reason = reasonWithoutFuse();
    if (reason === undefined) return;
    skipBecause(this, reason);
  });

  for (const mode of ["data", "legacy"] as const) {
    it(`shows a packed directory exactly as it is (${mode})`, async () => {
      await using temp = await tempDir();
      const source = path.join(temp.path, "source");
      const mountPoint = path.join(temp.path, "mount");
      await fs.mkdir(mountPoint);
      makeOddTree(source);
      const store: MemoryStore = new Map();
      const packed = await packDirectory(source, store, { mode });
      const datastore = new MemoryDatastore();
      datastore.addSnapshot(snapshot);
      const archives =
        mode === "legacy"
          ? [["root.pxar.didx", packed.archive] as const]
          : [
              ["root.mpxar.didx", packed.archive] as const,
              ["root.ppxar.didx", packed.payload] as const,
            ];
      for (const [name, upload] of archives) {
        datastore.addIndexFile(snapshot, name, upload.file(), upload.ends.at(-1) ?? 0);
        upload.ends.forEach((_, i) => datastore.addChunk(upload.chunk(i)));
      }
      await using resolver = new NeedResolver(datastore);
      const errors: Error[] = [];
      const mount = await fuseTransport.mount(
        datastoreRecipe({
          root: { kind: "namespace", namespace: "" },
          cacheBytes: 0,
          uid: 0,
          gid: 0,
          zeroChunks: [],
        }),
        {
          mountPoint,
          sourceName: "memory",
          allowOther: false,
          resolve: async (need) => await resolver.resolve(need),
          onError: (error) => errors.push(error),
        },
      );
      try {
        const expected = await describeTree(source);

        const found = await describeTree(
          path.join(mountPoint, snapshotPath(snapshot), "root.pxar"),
        );

        for (const [name, entry] of expected) expect(found.get(name), name).to.deep.equal(entry);
        expect([...found.keys()]).to.deep.equal([...expected.keys()]);
        const links = await nlinksOfDirectories(
          path.join(mountPoint, snapshotPath(snapshot), "root.pxar"),
        );
        expect(new Set(links)).to.deep.equal(new Set([0]));
        expect(errors.map(String)).to.deep.equal([]);
      } finally {
        await mount.unmount();
        removeOddTree(source);
      }
    });
  }

  it("leaves programs that copy content where nothing has extended attributes", async function () {
    const missing = ["rsync", "getfattr"].filter((name) => spawnSync(name, ["--version"]).error);
    if (missing.length > 0) skipBecause(this, `${missing.join(" and ")} not installed`);
    await using temp = await tempDir();
    const [source, mountPoint, target] = ["source", "mount", "target"].map((name) =>
      path.join(temp.path, name),
    ) as [string, string, string];
    await fs.mkdir(path.join(source, "folder"), { recursive: true });
    await fs.mkdir(mountPoint);
    await fs.mkdir(target);
    await fs.writeFile(path.join(source, "folder/file"), "content");
    await fs.symlink("folder/file", path.join(source, "link"));
    const store: MemoryStore = new Map();
    const packed = await packDirectory(source, store, { mode: "data" });
    const datastore = new MemoryDatastore();
    datastore.addSnapshot(snapshot);
    for (const [name, upload] of [
      ["root.mpxar.didx", packed.archive],
      ["root.ppxar.didx", packed.payload],
    ] as const) {
      datastore.addIndexFile(snapshot, name, upload.file(), upload.ends.at(-1) ?? 0);
      upload.ends.forEach((_, i) => datastore.addChunk(upload.chunk(i)));
    }
    await using resolver = new NeedResolver(datastore);
    const mount = await fuseTransport.mount(
      datastoreRecipe({
        root: { kind: "archive", snapshot, name: "root.pxar" },
        cacheBytes: 0,
        uid: 0,
        gid: 0,
        zeroChunks: [],
      }),
      {
        mountPoint,
        sourceName: "memory",
        allowOther: false,
        resolve: async (need) => await resolver.resolve(need),
        onError: () => undefined,
      },
    );
    try {
      const outputs: string[] = [];
      for (const [program, ...args] of [
        ["cp", "-a", `${mountPoint}/.`, target],
        ["rsync", "-aHAXn", "--checksum", "--itemize-changes", `${mountPoint}/`, `${target}/`],
        ["rsync", "-aHAXn", "--checksum", "--itemize-changes", `${source}/`, `${mountPoint}/`],
        ["getfattr", "-Rd", "-m", "-", mountPoint],
        ["tar", "--xattrs", "--acls", "-cf", "/dev/null", "-C", mountPoint, "."],
        ["ls", "-laR", mountPoint],
      ] as const) {
        const { status, stdout, stderr } = await run(program, args);
        outputs.push(`${program} ${status} ${program === "ls" ? "" : stdout}${stderr}`);
      }

      const programs = ["cp", "rsync", "rsync", "getfattr", "tar", "ls"];
      expect(outputs).to.deep.equal(programs.map((program) => `${program} 0 `));
    } finally {
      await mount.unmount();
    }
  });

  it("keeps holes of an encrypted image when it is copied, and counts them", async () => {
    await using temp = await tempDir();
    const mountPoint = path.join(temp.path, "mount");
    const target = path.join(temp.path, "copy.img");
    await fs.mkdir(mountPoint);
    const provider = createNativeProvider();
    const zeros = new Uint8Array(FIXED_CHUNK_BYTES);
    const zero = { digest: chunkDigest(provider, zeros, knownKey), size: zeros.length };
    const datastore = new MemoryDatastore();
    datastore.addSnapshot(snapshot);
    const data = seededBytes(FIXED_CHUNK_BYTES, 9);
    const chunk = datastore.addChunk(data);
    datastore.addIndex(snapshot, "drive.img.fidx", [zero, chunk, zero, zero], FIXED_CHUNK_BYTES);
    await using resolver = new NeedResolver(datastore);
    const mount = await fuseTransport.mount(
      datastoreRecipe({
        root: { kind: "snapshot", snapshot },
        cacheBytes: 0,
        uid: 0,
        gid: 0,
        zeroChunks: zeroChunkNames(provider, knownKey),
      }),
      {
        mountPoint,
        sourceName: "memory",
        allowOther: false,
        resolve: async (need) => await resolver.resolve(need),
        onError: () => undefined,
      },
    );
    try {
      const image = path.join(mountPoint, "drive.img");
      await fs.readdir(mountPoint); // What a listing says must not stay.
      const shown = await fs.stat(image);
      const copying = await run("cp", ["--sparse=auto", image, target]);
      const copied = await fs.stat(target);

      expect(copying).to.deep.equal({ status: 0, stdout: "", stderr: "" });
      expect([shown.size, shown.blocks * 512]).to.deep.equal([4 * zeros.length, zeros.length]);
      expect(copied.size).to.equal(shown.size);
      expect(copied.blocks * 512).to.be.within(zeros.length, zeros.length + 65_536);
      const expected = Buffer.concat([zeros, data, zeros, zeros]);
      expect((await fs.readFile(target)).equals(expected)).to.equal(true);
      expect((await fs.readFile(image)).equals(expected)).to.equal(true);
    } finally {
      await mount.unmount();
    }
  });

  it("fails reads of a missing chunk and no others, and logs what is missing", async () => {
    await using temp = await tempDir();
    const mountPoint = path.join(temp.path, "mount");
    await fs.mkdir(mountPoint);
    const chunkBytes = 1024 * 1024;
    const image = seededBytes(12 * chunkBytes, 7);
    const datastore = new MemoryDatastore();
    datastore.addSnapshot(snapshot);
    datastore.addArchive(snapshot, "drive.img.fidx", image, chunkBytes);
    const missing = datastore.addChunk(image.subarray(5 * chunkBytes, 6 * chunkBytes)).digest;
    datastore.chunks.delete(missing);
    await using resolver = new NeedResolver(datastore);
    const errors: Error[] = [];
    const mount = await fuseTransport.mount(
      datastoreRecipe({
        root: { kind: "snapshot", snapshot },
        cacheBytes: 0,
        uid: 0,
        gid: 0,
        zeroChunks: [],
      }),
      {
        mountPoint,
        sourceName: "memory",
        allowOther: false,
        resolve: async (need) => await resolver.resolve(need),
        onError: (error) => errors.push(error),
      },
    );
    const failed: number[] = [];
    try {
      const file = await fs.open(path.join(mountPoint, "drive.img"));
      const blockBytes = 64 * 1024;
      const block = Buffer.alloc(blockBytes);
      for (let offset = 0; offset < image.length; offset += blockBytes) {
        try {
          await file.read(block, 0, blockBytes, offset);
          expect(block.equals(image.subarray(offset, offset + blockBytes))).to.equal(true);
        } catch (error) {
          expect(error).to.have.property("code", "EIO");
          failed.push(offset);
        }
      }
      await file.close();
    } finally {
      await mount.unmount();
    }

    expect(failed.length).to.equal(chunkBytes / (64 * 1024));
    expect(failed[0]).to.equal(5 * chunkBytes);
    expect(errors.map(({ message }) => message).join("\n")).to.include(missing);
  });
});
