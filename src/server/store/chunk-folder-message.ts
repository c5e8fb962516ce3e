/** Work for the thread that walks chunk folders; the folder of folders is its `workerData`. */
export type ChunkFolderRequest =
  | {
      readonly kind: "touch";
      /** Digests one behind another, 32 bytes each. */
      readonly digests: Uint8Array;
      /** New access time. */
      readonly timeSec: number;
    }
  | { readonly kind: "survey"; readonly folders: readonly string[] };

/** One regular file of a chunk folder. */
export interface SurveyedFile {
  readonly name: string;
  readonly size: number;
  readonly usedAtSec: number;
}

/** What the thread answers; requests are answered in their order. */
export type ChunkFolderAnswer =
  | { readonly kind: "touched"; readonly missing: readonly number[] }
  | { readonly kind: "surveyed"; readonly files: readonly SurveyedFile[] }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };
