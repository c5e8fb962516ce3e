import { type CatalogWriter } from "../../format/catalog/catalog-writer.ts";
import { FILE_TYPE } from "../../linux/file-status.ts";
import { type EntryListener } from "./tree-encoder.ts";

/** Writes what goes into an unsplit archive to the catalogue as well. */
export function catalogListener(catalog: CatalogWriter): EntryListener {
  return {
    enterDirectory: (name) => {
      catalog.startDirectory(name);
    },
    leaveDirectory: () => {
      catalog.endDirectory();
    },
    addFile: (name, size, mtimeSec) => {
      catalog.addFile(name, size, BigInt(mtimeSec));
    },
    addHardLink: (name) => {
      catalog.addBare(name, "hardlink");
    },
    addOther: (name, mode) => {
      catalog.addBare(name, kindOf(mode));
    },
  };
}

function kindOf(mode: number): Parameters<CatalogWriter["addBare"]>[1] {
  switch (mode & FILE_TYPE.mask) {
    case FILE_TYPE.symlink:
      return "symlink";
    case FILE_TYPE.blockDevice:
      return "block-device";
    case FILE_TYPE.characterDevice:
      return "character-device";
    case FILE_TYPE.fifo:
      return "fifo";
    default:
      return "socket";
  }
}
