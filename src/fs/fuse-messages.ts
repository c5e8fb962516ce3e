import { type ErrorDescription } from "./thread-error.ts";

/** What the thread that answers the kernel is started with. */
export interface FuseWorkerData {
  /** Module that makes the file system. */
  readonly moduleUrl: string;
  /** Readable when an order was posted or the thread shall stop. */
  readonly wakeDescriptor: number;
  /** Two 32-bit words, see {@link fuseControlWords}. */
  readonly control: SharedArrayBuffer;
}

/** Words of the control memory: how many orders were posted, and whether the thread shall stop (not 0). */
export const fuseControlWords = { ordersPosted: 0, stop: 1 } as const;

/** Order of the main thread. */
export type FuseWorkerOrder =
  /** Make the file system. */
  | {
      readonly kind: "make";
      readonly argument: unknown;
      /** Let the kernel check permissions with access control lists. */
      readonly enforcesAccessLists: boolean;
    }
  /** Answer the kernel on this descriptor, which the main thread closes after the thread's end. */
  | { readonly kind: "serve"; readonly descriptor: number }
  | { readonly kind: "answer"; readonly needId: number; readonly answer: unknown }
  | { readonly kind: "failure"; readonly needId: number; readonly error: ErrorDescription };

/** Report of the thread. */
export type FuseWorkerReport =
  /** The file system is made; waiting for a descriptor. */
  | { readonly kind: "loaded" }
  /** The kernel and this program have agreed; requests are being answered. */
  | { readonly kind: "ready" }
  | { readonly kind: "need"; readonly needId: number; readonly need: unknown }
  | { readonly kind: "give-back"; readonly loan: number }
  | { readonly kind: "error"; readonly error: ErrorDescription };
