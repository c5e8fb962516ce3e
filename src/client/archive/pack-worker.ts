import { parentPort, workerData } from "node:worker_threads";

import { announceLoaded } from "../../chunks/announce-loaded.ts";
import { ChunkCutter } from "../../chunks/chunk-cutter.ts";
import { SharedArena } from "../../chunks/shared-arena.ts";
import { CatalogWriter } from "../../format/catalog/catalog-writer.ts";
import {
  type PackAnswer,
  type PackCommand,
  type PackRequest,
  type PackWorkerData,
} from "./pack-request.ts";
import { carriedFailure } from "./carried-failure.ts";
import { catalogListener } from "./catalog-listener.ts";
import { packTree } from "./pack-tree.ts";
import { WalkReceiver } from "./walk-stream.ts";

// Thread that packs trees, one after another; see `PackThread`, which starts it.

announceLoaded();

/** Average chunk length of catalogues (spec chunker.md §1). */
const CATALOG_CHUNK_BYTES = 512 * 1024;

const port = parentPort;
// eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- what `PackThread` passes
const { arena: handle, walks: walksEnd } = workerData as PackWorkerData;
const arena = SharedArena.attach(handle);
const walks = new WalkReceiver(walksEnd);

function answer(message: PackAnswer): void {
  port?.postMessage(message);
}

/** The catalogue of all unsplit archives packed so far; begun with the first. */
let catalog: { readonly writer: CatalogWriter; readonly cutter: ChunkCutter } | undefined;

function catalogWriter(): CatalogWriter {
  if (catalog === undefined) {
    const cutter = new ChunkCutter({
      arena,
      averageBytes: CATALOG_CHUNK_BYTES,
      kind: "plain",
      emit: (cut) => {
        answer({ kind: "cut", stream: "catalog", cut });
      },
    });
    catalog = { writer: new CatalogWriter(cutter), cutter };
  }
  return catalog.writer;
}

function pack(request: PackRequest): void {
  const listed = request.mode === "legacy" ? catalogWriter() : undefined;
  listed?.startDirectory(Buffer.from(request.catalogName));
  packTree(request, {
    arena,
    walks,
    emit: (stream, cut) => {
      answer({ kind: "cut", stream, cut });
    },
    report: (problem) => {
      answer({ kind: "problem", problem });
    },
    catalog: listed && catalogListener(listed),
  });
  listed?.endDirectory();
}

function perform(command: PackCommand): void {
  try {
    switch (command.kind) {
      case "pack":
        pack(command.request);
        break;
      case "finishCatalog":
        catalogWriter().finish();
        catalog?.cutter.finish();
        break;
    }
    answer({ kind: "done" });
  } catch (error) {
    answer({ kind: "failed", failure: carriedFailure(error) });
  }
}

port?.on("message", perform);
