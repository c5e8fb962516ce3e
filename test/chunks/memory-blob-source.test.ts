import { itIsABlobSource } from "../contract/blob-source.contract.ts";
import { MemoryBlobSource } from "../support/memory-blob-source.ts";

describe("support/memory-blob-source", () => {
  itIsABlobSource((blobs) => new MemoryBlobSource(blobs));
});
