import { type ReactElement, type ReactNode, useSyncExternalStore } from "react";

/** Makes a dialog that calls `close` when it is done. */
export type DialogMaker = (close: () => void) => ReactNode;

let current: DialogMaker | undefined;
const listeners = new Set<() => void>();

/** Shows a dialog over the page, whatever becomes of the component that asked for it. */
export function showDialog(maker: DialogMaker): void {
  change(maker);
}

/** Takes away what is shown: at the end of a login. */
export function closeDialogs(): void {
  change(undefined);
}

/** Where dialogs appear; once in the frame. */
export function DialogHost(): ReactElement {
  const maker = useSyncExternalStore(subscribe, () => current);
  return <>{maker?.(() => change(undefined))}</>;
}

function change(next: DialogMaker | undefined): void {
  current = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}
