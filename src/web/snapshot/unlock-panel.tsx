import { Button, Card, FileInput, Group, PasswordInput, Stack, Text } from "@mantine/core";
import { IconKey, IconLock } from "@tabler/icons-react";
import { type DragEvent, type ReactElement, type SyntheticEvent, useState } from "react";

import { ErrorNotice } from "../parts/error-notice.tsx";
import { vaultWords as words } from "../strings/vault-words.ts";
import { askVault } from "../vault/vault.ts";

/** Takes a key file and its passphrase into the vault; both stay in the browser. */
export function UnlockPanel({
  wanted,
  onUnlocked,
}: {
  /** Fingerprint of the key that the snapshot needs; empty if it does not say. */
  readonly wanted: string;
  readonly onUnlocked: () => void;
}): ReactElement {
  const [file, setFile] = useState<File | null>(null);
  const [passphrase, setPassphrase] = useState("");
  const [isOver, setOver] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  async function unlock(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    if (!file) return;
    setBusy(true);
    setError(undefined);
    try {
      const given = await askVault("addKey", { text: await file.text(), passphrase });
      if (wanted !== "" && given !== wanted) {
        throw new Error(words.otherKey(shortName(given), shortName(wanted)));
      }
      onUnlocked();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
      setPassphrase("");
    }
  }
  function drop(event: DragEvent): void {
    event.preventDefault();
    setOver(false);
    setFile(event.dataTransfer.files[0] ?? null);
  }

  return (
    <Card
      withBorder
      padding="lg"
      maw={620}
      className={isOver ? "drop-zone drop-over" : "drop-zone"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <form onSubmit={unlock}>
        <Stack>
          <Group gap="sm" wrap="nowrap" align="flex-start">
            <IconLock size={28} aria-hidden className="name-icon" />
            <div>
              <Text fw={650} component="h2" m={0}>
                {words.lockedTitle}
              </Text>
              <Text size="sm" c="dimmed">
                {words.lockedText}
              </Text>
              {wanted !== "" && (
                <Text size="sm" c="dimmed" className="wrap-anywhere">
                  {words.keyNamed(shortName(wanted))}
                </Text>
              )}
            </div>
          </Group>
          <FileInput
            label={words.dropLabel}
            placeholder={words.dropHint}
            leftSection={<IconKey size={16} aria-hidden />}
            value={file}
            onChange={setFile}
            clearable
          />
          <PasswordInput
            label={words.passphrase}
            description={words.passphraseHint}
            autoComplete="off"
            value={passphrase}
            onChange={(event) => setPassphrase(event.currentTarget.value)}
          />
          {error !== undefined && <ErrorNotice error={error} />}
          <Group justify="space-between">
            <Text size="sm" c="dimmed" role="status">
              {isBusy && words.unlocking}
            </Text>
            <Button type="submit" loading={isBusy} disabled={file === null}>
              {words.unlock}
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}

/** The first eight bytes tell keys apart, and are what commands show. */
function shortName(fingerprint: string): string {
  return fingerprint.slice(0, 23);
}
