import { Anchor, Notification, Stack } from "@mantine/core";
import { IconCheck, IconX } from "@tabler/icons-react";
import { type ReactElement, useEffect, useSyncExternalStore } from "react";

import { frameWords } from "../strings/frame-words.ts";

/** Something that was done, said for a while at the edge of the page. */
export interface Notice {
  readonly text: string;
  /** Failures look so, and stay longer. */
  readonly tone?: "failure";
  /** Where to read on. */
  readonly link?: { readonly to: string; readonly label: string };
}

const SHOWN_MS = 8000;
const FAILURE_SHOWN_MS = 30_000;

let notices: readonly (Notice & { readonly key: number })[] = [];
let nextKey = 0;
const listeners = new Set<() => void>();

/** Says something for a while. */
export function tell(notice: Notice): void {
  change([...notices, { ...notice, key: nextKey++ }]);
}

/** Everything that is being said. */
export function Notices(): ReactElement {
  const shown = useSyncExternalStore(subscribe, () => notices);
  return (
    <Stack className="notices" gap="xs" role="status" aria-live="polite">
      {shown.map((notice) => (
        <OneNotice key={notice.key} notice={notice} onClose={() => drop(notice.key)} />
      ))}
    </Stack>
  );
}

function OneNotice({
  notice,
  onClose,
}: {
  readonly notice: Notice;
  readonly onClose: () => void;
}): ReactElement {
  const isFailure = notice.tone === "failure";
  useEffect(() => {
    const timer = setTimeout(onClose, isFailure ? FAILURE_SHOWN_MS : SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the time runs once, from when it appears
  }, []);
  return (
    <Notification
      withBorder
      color={isFailure ? "red" : "teal"}
      icon={isFailure ? <IconX size={18} aria-hidden /> : <IconCheck size={18} aria-hidden />}
      onClose={onClose}
      closeButtonProps={{ "aria-label": frameWords.close }}
    >
      {notice.text}{" "}
      {notice.link && (
        <Anchor href={notice.link.to} size="sm" onClick={onClose}>
          {notice.link.label}
        </Anchor>
      )}
    </Notification>
  );
}

function drop(key: number): void {
  change(notices.filter((notice) => notice.key !== key));
}

function change(next: typeof notices): void {
  notices = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}
