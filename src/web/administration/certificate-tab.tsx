import { Alert, Button, Card, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { useMay } from "../api/privileges.ts";
import {
  type CertificateItem,
  certificatesQuery,
  renewCertificate,
} from "../api/certificate-api.ts";
import { ActionDialog } from "../parts/action-dialog.tsx";
import { CopyField } from "../parts/copy-field.tsx";
import { showDialog } from "../parts/dialog-host.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { tell } from "../parts/notices.tsx";
import { useRefresh } from "../parts/refresh.ts";
import { Section } from "../parts/section.tsx";
import { agoText, nowSec, timeText } from "../parts/time-text.ts";
import { certificateWords as words } from "../strings/certificate-words.ts";
import { CertificateDialog } from "./certificate-dialog.tsx";

/** How long before its end a certificate is worth a warning, in seconds. */
const WARN_SEC = 30 * 86_400;

/** The server's certificate: what it says, its fingerprint to copy, and another one in its place. */
export function CertificateTab(): ReactElement {
  const query = useQuery(certificatesQuery);
  const mayChange = useMay("/system/certificates", "Sys.Modify");
  return (
    <Section
      title={words.title}
      hint={words.hint}
      action={
        mayChange && (
          <Group gap="xs">
            <Button
              variant="default"
              onClick={() => showDialog((close) => <RenewDialog onClose={close} />)}
            >
              {words.renew}
            </Button>
            <Button onClick={() => showDialog((close) => <CertificateDialog onClose={close} />)}>
              {words.upload}
            </Button>
          </Group>
        )
      }
    >
      <Loaded query={query}>
        {(certificates) => (
          <Stack>
            {certificates.map((each) => (
              <CertificateCard key={each.fingerprint} certificate={each} />
            ))}
          </Stack>
        )}
      </Loaded>
    </Section>
  );
}

function CertificateCard({ certificate }: { readonly certificate: CertificateItem }): ReactElement {
  const { subject, issuer, san, notbefore, notafter, fingerprint, pem } = certificate;
  const bits = certificate["public-key-bits"];
  const key = `${certificate["public-key-type"]}${bits === undefined ? "" : ` ${bits}`}`;
  const facts = {
    [words.facts.subject]: subject,
    [words.facts.issuer]: issuer,
    [words.facts.names]: san.join(", "),
    [words.facts.valid]: words.valid(timeText(notbefore), timeText(notafter)),
    [words.facts.key]: key,
  };
  return (
    <Card withBorder padding="md">
      <Stack>
        {notafter - nowSec() < WARN_SEC && (
          <Alert color="yellow">{words.expiresSoon(agoText(notafter))}</Alert>
        )}
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm" component="dl" m={0}>
          {Object.entries(facts).map(([name, value]) => (
            <div key={name}>
              <Text size="sm" c="dimmed" component="dt">
                {name}
              </Text>
              <Text size="sm" component="dd" m={0} className="wrap-anywhere">
                {value}
              </Text>
            </div>
          ))}
        </SimpleGrid>
        <CopyField label={words.fingerprint} value={fingerprint} />
        <CopyField label={words.pem} value={pem} />
      </Stack>
    </Card>
  );
}

function RenewDialog({ onClose }: { readonly onClose: () => void }): ReactElement {
  const refresh = useRefresh();
  return (
    <ActionDialog
      title={words.renewTitle}
      tone="destructive"
      confirmLabel={words.renewConfirm}
      onClose={onClose}
      onConfirm={async () => {
        await renewCertificate();
        tell({ text: words.renewed });
        await refresh(["server"]);
      }}
    >
      <Text size="sm">{words.renewText}</Text>
    </ActionDialog>
  );
}
