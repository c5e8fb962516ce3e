import { abortOnAny } from "../chunks/abort-on-any.ts";
import { BACKGROUND_KEY_DESCRIPTOR, backgroundLink } from "./mount-background.ts";
import { MountLog } from "./mount-log.ts";
import { type MountCommandOptions } from "./mount-options.ts";
import { type MountSubject } from "./mount-subject.ts";
import { prepareMount } from "./prepare-mount.ts";
import type { runMount as RunMount } from "./run-mount.ts";

/**
 * Mounts in this process, and returns when the mount has ended. In one that was started to stay, questions are asked through
 * the one that started it, which is let go when the mount is there.
 */
export async function runMountHere(run: {
  readonly subject: MountSubject;
  readonly mountPoint: string;
  readonly options: MountCommandOptions;
  readonly signal: AbortSignal;
  /** Called when the mount is there and nobody else tells so. */
  readonly onShown?: () => void;
}): Promise<void> {
  const { subject, mountPoint, options, signal, onShown } = run;
  const { backgroundChild } = options;
  const log = new MountLog();
  const link = backgroundChild === undefined ? undefined : backgroundLink(backgroundChild);
  const isHandedOver = link !== undefined && options.keyfd !== undefined;
  using stop = abortOnAny([signal, link?.signal]);
  try {
    await link?.wanted;
    await using prepared = await prepareMount(options);
    const runMount = await loadRunMount();
    await runMount({
      subject,
      mountPoint,
      options: isHandedOver ? { ...options, keyfd: BACKGROUND_KEY_DESCRIPTOR } : options,
      prepared,
      log,
      prompts: link?.prompts,
      signal: stop.signal,
      onMounted: () => {
        log.line("debug", `Mounted on ${mountPoint}`);
        link?.mounted();
        if (link) log.detach();
        else onShown?.();
      },
    });
  } finally {
    link?.close();
  }
}

/** Most of what a mount is made of; loaded while the thread that answers starts. */
async function loadRunMount(): Promise<typeof RunMount> {
  return (await import("./run-mount.ts")).runMount;
}
