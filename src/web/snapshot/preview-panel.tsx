import { Button, Drawer, Group, Stack, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useEffect, useMemo } from "react";

import { Loaded } from "../parts/loaded.tsx";
import { sizeText } from "../parts/size-text.ts";
import { timeText } from "../parts/time-text.ts";
import { useAttempt } from "../parts/use-attempt.ts";
import { frameWords } from "../strings/frame-words.ts";
import { previewWords as words } from "../strings/preview-words.ts";
import { fileKindOf, SHOWN_BYTES_MAX, TEXT_BYTES_MAX, textOf } from "./file-kind.ts";
import { type FolderItem, type FolderSource } from "./folder-source.ts";

/** One file beside its folder: its content if it can be shown, and what else can be had of it. */
export function PreviewPanel({
  source,
  item,
  history,
  onClose,
}: {
  readonly source: FolderSource;
  readonly item: FolderItem;
  /** Versions of the file in other snapshots. */
  readonly history: ReactNode;
  readonly onClose: () => void;
}): ReactElement {
  const attempt = useAttempt();
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size="xl"
      title={words.title(item.name)}
      closeButtonProps={{ "aria-label": frameWords.close }}
    >
      <Stack>
        <Group justify="space-between">
          <Text size="sm" c="dimmed">
            {[item.size, item.mtimeSec].every((each) => each === undefined)
              ? ""
              : `${sizeText(item.size ?? 0)}, ${timeText(item.mtimeSec ?? 0)}`}
          </Text>
          <Button
            size="xs"
            leftSection={<IconDownload size={16} aria-hidden />}
            onClick={() => attempt(async () => await source.save(item, "file"))}
          >
            {words.download}
          </Button>
        </Group>
        {(item.size ?? 0) > SHOWN_BYTES_MAX ? (
          <Text size="sm">{words.tooLarge(sizeText(item.size ?? 0))}</Text>
        ) : (
          <Content source={source} item={item} />
        )}
        {history}
      </Stack>
    </Drawer>
  );
}

function Content({
  source,
  item,
}: {
  readonly source: FolderSource;
  readonly item: FolderItem;
}): ReactElement {
  const query = useQuery({
    queryKey: ["file", source.key, item.id],
    queryFn: async () => new Uint8Array(await (await source.read(item)).arrayBuffer()),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 10_000,
  });
  return <Loaded query={query}>{(bytes) => <Shown bytes={bytes} name={item.name} />}</Loaded>;
}

function Shown({
  bytes,
  name,
}: {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly name: string;
}): ReactElement {
  const kind = useMemo(() => fileKindOf(name), [name]);
  switch (kind.kind) {
    case "image":
      return <Picture bytes={bytes} name={name} contentType={kind.contentType} />;
    case "pdf":
      return <Document bytes={bytes} name={name} />;
    case "text":
      return <PlainText bytes={bytes} name={name} />;
  }
}

function PlainText({
  bytes,
  name,
}: {
  readonly bytes: Uint8Array;
  readonly name: string;
}): ReactElement {
  const text = useMemo(() => textOf(bytes), [bytes]);
  if (text === undefined) return <Text size="sm">{words.notShown}</Text>;
  return (
    <>
      {bytes.length > TEXT_BYTES_MAX && (
        <Text size="sm" c="dimmed">
          {words.shortened(sizeText(TEXT_BYTES_MAX))}
        </Text>
      )}
      <pre className="log preview" tabIndex={0} aria-label={name}>
        {text}
      </pre>
    </>
  );
}

function Picture({
  bytes,
  name,
  contentType,
}: {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly name: string;
  readonly contentType: string;
}): ReactElement {
  const url = useObjectUrl(bytes, contentType);
  return <img src={url} alt={words.imageOf(name)} className="preview-image" />;
}

function Document({
  bytes,
  name,
}: {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly name: string;
}): ReactElement {
  const url = useObjectUrl(bytes, "application/pdf");
  return <iframe src={url} title={words.documentOf(name)} className="preview-document" />;
}

function useObjectUrl(bytes: Uint8Array<ArrayBuffer>, type: string): string {
  const url = useMemo(() => URL.createObjectURL(new Blob([bytes], { type })), [bytes, type]);
  useEffect(
    () => () => {
      URL.revokeObjectURL(url);
    },
    [url],
  );
  return url;
}
