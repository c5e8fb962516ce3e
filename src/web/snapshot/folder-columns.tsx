import { ActionIcon, Anchor, Text } from "@mantine/core";
import {
  IconDownload,
  IconFile,
  IconFileSymlink,
  IconFolderFilled,
  IconPlug,
} from "@tabler/icons-react";
import { type ReactElement, type ReactNode } from "react";

import { sizeText } from "../parts/size-text.ts";
import { timeText } from "../parts/time-text.ts";
import { useAttempt } from "../parts/use-attempt.ts";
import { type GridColumn } from "../parts/virtual-grid.tsx";
import { snapshotWords as words } from "../strings/snapshot-words.ts";
import { type FolderItem, type FolderSource } from "./folder-source.ts";

const icon = { size: 18, stroke: 1.6, "aria-hidden": true, className: "name-icon" } as const;

/** Columns of a folder. */
export function folderColumns(
  source: FolderSource,
  hashOf: (item: FolderItem) => string,
): readonly GridColumn<FolderItem>[] {
  return [
    {
      key: "name",
      title: words.columns.name,
      width: "minmax(0, 1fr)",
      cell: (item) => <Name item={item} hash={hashOf(item)} />,
    },
    {
      key: "size",
      title: words.columns.size,
      width: "6rem",
      align: "end",
      cell: ({ size }) => (size === undefined ? "" : sizeText(size)),
    },
    {
      key: "modified",
      title: words.columns.modified,
      width: "11rem",
      align: "end",
      shownFrom: "medium",
      cell: ({ mtimeSec }) => (mtimeSec === undefined ? "" : timeText(mtimeSec)),
    },
    {
      key: "actions",
      title: "",
      width: "2.4rem",
      align: "end",
      cell: (item) => <SaveButton source={source} item={item} />,
    },
  ];
}

function Name({ item, hash }: { readonly item: FolderItem; readonly hash: string }): ReactElement {
  return (
    <span className="grid-name">
      {iconOf(item.type)}
      {item.type === "d" || item.type === "f" || item.type === "h" ? (
        <Anchor
          href={hash}
          size="sm"
          truncate
          {...(item.type === "d" ? { fw: 500 } : { c: "inherit" })}
        >
          {item.name}
        </Anchor>
      ) : (
        <Text span size="sm" truncate>
          {item.name}
        </Text>
      )}
    </span>
  );
}

function iconOf(type: string): ReactNode {
  if (type === "d") return <IconFolderFilled {...icon} className="folder-icon" />;
  if (type === "l" || type === "h") return <IconFileSymlink {...icon} />;
  return type === "f" ? <IconFile {...icon} /> : <IconPlug {...icon} />;
}

function SaveButton({
  source,
  item,
}: {
  readonly source: FolderSource;
  readonly item: FolderItem;
}): ReactElement | undefined {
  const attempt = useAttempt();
  if (item.type !== "f" && item.type !== "h") return undefined;
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      aria-label={words.downloadFile(item.name)}
      onClick={() => attempt(async () => await source.save(item, "file"))}
    >
      <IconDownload size={18} aria-hidden />
    </ActionIcon>
  );
}
