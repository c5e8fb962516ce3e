import { ActionIcon, Code, CopyButton, Group, Text, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { type ReactElement } from "react";

import { frameWords } from "../strings/frame-words.ts";

/** A text to take away, with a button that copies it. */
export function CopyField({
  label,
  value,
}: {
  readonly label?: string;
  readonly value: string;
}): ReactElement {
  return (
    <div>
      {label !== undefined && (
        <Text size="sm" fw={500} mb={4}>
          {label}
        </Text>
      )}
      <Group gap="xs" wrap="nowrap" align="flex-start">
        <Code block className="copy-field" tabIndex={0} aria-label={label}>
          {value}
        </Code>
        <CopyIcon value={value} label={label} />
      </Group>
    </div>
  );
}

/** The button alone. */
export function CopyIcon({
  value,
  label,
}: {
  readonly value: string;
  readonly label?: string | undefined;
}): ReactElement {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? frameWords.copied : frameWords.copy} withArrow>
          <ActionIcon
            variant="default"
            size="lg"
            onClick={copy}
            aria-label={`${frameWords.copy}${label === undefined ? "" : `: ${label}`}`}
          >
            {copied ? <IconCheck size={18} aria-hidden /> : <IconCopy size={18} aria-hidden />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}
