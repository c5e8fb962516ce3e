import { Button, Checkbox, FileButton, Group, Text } from "@mantine/core";
import { type ReactElement, useState } from "react";

import { installCertificate } from "../api/certificate-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { LinesField } from "../parts/lines-field.tsx";
import { tell } from "../parts/notices.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { certificateWords as words } from "../strings/certificate-words.ts";

/** Installs a certificate that somebody else has signed. */
export function CertificateDialog({ onClose }: { readonly onClose: () => void }): ReactElement {
  const refresh = useRefresh();
  const [certificates, setCertificates] = useState("");
  const [key, setKey] = useState("");
  const [replaces, setReplaces] = useState(false);
  return (
    <ActionDialog
      title={words.uploadTitle}
      confirmLabel={words.uploadConfirm}
      size="lg"
      isReady={certificates.trim() !== ""}
      onClose={onClose}
      onConfirm={async () => {
        await installCertificate({ certificates, key, replaces });
        tell({ text: words.installed });
        await refresh(["server"]);
      }}
    >
      <Text size="sm">{words.uploadText}</Text>
      <PemField
        label={words.certificate}
        hint={words.certificateHint}
        value={certificates}
        onText={setCertificates}
      />
      <PemField label={words.key} hint={words.keyHint} value={key} onText={setKey} />
      <Checkbox
        label={words.replace}
        checked={replaces}
        onChange={(event) => setReplaces(event.currentTarget.checked)}
      />
    </ActionDialog>
  );
}

/** A text that comes from a file, or is pasted. */
function PemField({
  label,
  hint,
  value,
  onText,
}: {
  readonly label: string;
  readonly hint: string;
  readonly value: string;
  readonly onText: (text: string) => void;
}): ReactElement {
  return (
    <div>
      <LinesField
        label={label}
        description={hint}
        minRows={4}
        spellCheck={false}
        classNames={{ input: "mono" }}
        value={value}
        onText={onText}
      />
      <Group justify="flex-end" mt={6}>
        <FileButton onChange={(file) => void file?.text().then(onText)}>
          {(props) => (
            <Button
              {...props}
              size="compact-sm"
              variant="default"
              aria-label={`${label}: ${words.fromFile}`}
            >
              {words.fromFile}
            </Button>
          )}
        </FileButton>
      </Group>
    </div>
  );
}
