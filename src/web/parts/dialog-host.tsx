import { type ReactElement, type ReactNode, useSyncExternalStore } from "react";

/** Makes a dialog that calls `close` when it is done. */
export type DialogMaker = (close: () => void) => ReactNode;

/** Whether a dialog goes when the person leaves the place where it was opened: not one that shows what is shown once. */
export type DialogStay = "here" | "until closed";

let current: { readonly maker: DialogMaker; readonly stay: DialogStay } | undefined;
const listeners = new Set<() => void>();

/** Shows a dialog over the page, whatever becomes of the component that asked for it. */
export function showDialog(maker: DialogMaker, stay: DialogStay = "here"): void {
  change({ maker, stay });
}

/** Takes a dialog away that belongs to the place that was left, as by the browser's back button. */
export function leavePlace(): void {
  if (current?.stay === "here") change(undefined);
}

/** Takes away what is shown: at the end of a login. */
export function closeDialogs(): void {
  change(undefined);
}

/** Where dialogs appear; once in the frame. */
export function DialogHost(): ReactElement {
  const shown = useSyncExternalStore(subscribe, () => current);
  return <>{shown?.maker(() => change(undefined))}</>;
}

function change(next: typeof current): void {
  current = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}
