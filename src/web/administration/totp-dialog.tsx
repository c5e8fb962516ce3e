import { Group, Text } from "@mantine/core";
import { Secret, TOTP } from "otpauth";
import { type ReactElement, useState } from "react";

import { addTotp } from "../api/second-factor-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { CopyField } from "../parts/copy-field.tsx";
import { useOwnPassword } from "../parts/own-password.tsx";
import { QrPicture } from "../parts/qr-picture.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { TextField } from "../parts/text-field.tsx";
import { factorWords as words } from "../strings/factor-words.ts";

/** Bytes of a new secret: as many as the hash gives (RFC 4226 §4 recommends 160 bits). */
const SECRET_BYTES = 20;

/** Adds an authenticator app to a user: a code to scan, and one to type as proof that it worked. */
export function TotpDialog({
  userid,
  onClose,
}: {
  readonly userid: string;
  readonly onClose: () => void;
}): ReactElement {
  const refresh = useRefresh();
  const [generator] = useState(() => newGenerator(userid));
  const [description, setDescription] = useState<string>(words.appName);
  const [code, setCode] = useState("");
  const { password, isReady, field } = useOwnPassword();
  return (
    <ActionDialog
      title={words.totpTitle(userid)}
      size="lg"
      confirmLabel={words.addTotpConfirm}
      isReady={isReady && code.length >= 6}
      onClose={onClose}
      onConfirm={async () => {
        const address = generator.toString();
        await addTotp({ userid, password }, { address, code, description });
        await refresh(["access"]);
      }}
    >
      <Text size="sm">{words.scan}</Text>
      <Group align="flex-start" gap="lg">
        <QrPicture text={generator.toString()} label={words.qrLabel} />
        <div className="qr-text">
          <Text size="sm" mb="xs">
            {words.byHand}
          </Text>
          <CopyField label={words.secret} value={generator.secret.base32} />
        </div>
      </Group>
      <TextField
        label={words.description}
        description={words.descriptionHint}
        value={description}
        onText={setDescription}
      />
      <TextField
        label={words.code}
        description={words.codeHint}
        inputMode="numeric"
        data-autofocus
        autoComplete="one-time-code"
        maxLength={6}
        value={code}
        onText={(text) => setCode(text.replaceAll(/\D/g, ""))}
      />
      {field}
    </ActionDialog>
  );
}

/** The secret is made here, and known to the app and the server alone. */
function newGenerator(userid: string): TOTP {
  const { buffer } = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  // With the server's name, so that somebody with several tells them apart.
  const issuer = `${words.issuer} ${location.hostname}`;
  return new TOTP({ issuer, label: userid, secret: new Secret({ buffer }) });
}
