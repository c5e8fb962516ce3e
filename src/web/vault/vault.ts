import { sessionState, subscribeSession } from "../api/session-store.ts";
import { type VaultAnswer, type VaultMethod, type VaultMethods } from "./vault-messages.ts";

/** A failure inside the vault, in its words. */
export class VaultError extends Error {
  /** Code of docs/errors.md, if it is an error of a format. */
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.name = "VaultError";
    this.code = code;
  }
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Asks the worker that reads snapshots and holds keys; starts it when it is first asked.
 *
 * Its methods and what they give stand in `VaultMethods`. Questions may overlap.
 *
 * @throws {VaultError}
 */
export async function askVault<Method extends VaultMethod>(
  method: Method,
  request: Parameters<VaultMethods[Method]>[0],
): Promise<ReturnType<VaultMethods[Method]>> {
  running ??= startWorker();
  const { worker, waiting } = running;
  const number = nextNumber++;
  const result = new Promise<unknown>((resolve, reject) => {
    waiting.set(number, { resolve, reject });
  });
  worker.postMessage({ number, method, request });
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the worker's handlers are typed by the same table
  return (await result) as ReturnType<VaultMethods[Method]>;
}

/** Ends the worker; keys and plaintext go with it. */
export function closeVault(): void {
  if (!running) return;
  running.worker.terminate();
  for (const { reject } of running.waiting.values()) reject(new VaultError("closed", undefined));
  running = undefined;
}

let running: { readonly worker: Worker; readonly waiting: Map<number, Waiting> } | undefined;
let nextNumber = 0;

// Keys do not outlive the login.
subscribeSession(() => {
  if (sessionState().kind === "out") closeVault();
});

function startWorker(): { readonly worker: Worker; readonly waiting: Map<number, Waiting> } {
  const worker = new Worker(new URL("./vault-worker.ts", import.meta.url), { type: "module" });
  const waiting = new Map<number, Waiting>();
  worker.addEventListener("message", (event: MessageEvent<VaultAnswer>) => {
    const { number, result, error } = event.data;
    const asked = waiting.get(number);
    waiting.delete(number);
    if (error) asked?.reject(new VaultError(error.message, error.code));
    else asked?.resolve(result);
  });
  worker.addEventListener("error", (event) => {
    for (const { reject } of waiting.values()) reject(new VaultError(event.message, undefined));
    waiting.clear();
  });
  return { worker, waiting };
}
