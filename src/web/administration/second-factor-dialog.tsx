import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { IconDeviceMobile, IconLifebuoy, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactElement } from "react";

import { type FactorItem, secondFactorsQuery } from "../api/second-factor-api.ts";
import { showDialog } from "../parts/dialog-host.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import { TimeAgo } from "../parts/time-ago.tsx";
import { factorWords as words } from "../strings/factor-words.ts";
import { FactorActDialog } from "./factor-act-dialog.tsx";
import { RecoveryKeysDialog } from "./recovery-keys-dialog.tsx";
import { TotpDialog } from "./totp-dialog.tsx";

/** Shows what a user proves itself with besides the password, and what can be added. */
export function SecondFactorDialog({
  userid,
  onClose,
}: {
  readonly userid: string;
  readonly onClose: () => void;
}): ReactElement {
  const factors = useQuery(secondFactorsQuery(userid));
  // Each dialog takes the place of this one, and gives it back.
  const back = (): void =>
    showDialog((close) => <SecondFactorDialog userid={userid} onClose={close} />);
  return (
    <Modal opened onClose={onClose} title={words.title(userid)} size="lg">
      <Loaded query={factors}>
        {(items) => {
          const hasKeys = items.some(({ type }) => type === "recovery");
          const hasCodes = items.some(({ type }) => type === "totp");
          return (
            <Stack>
              {items.length === 0 && <Text size="sm">{words.none}</Text>}
              {items.map((factor) => (
                <FactorRow key={factor.id} userid={userid} factor={factor} onBack={back} />
              ))}
              {hasCodes && !hasKeys && <Alert color="yellow">{words.noRecovery}</Alert>}
              <Group>
                <Button
                  leftSection={<IconPlus size={16} aria-hidden />}
                  variant={hasCodes ? "default" : "filled"}
                  onClick={() => showDialog(() => <TotpDialog userid={userid} onClose={back} />)}
                >
                  {words.addTotp}
                </Button>
                {!hasKeys && (
                  <Button
                    leftSection={<IconLifebuoy size={16} aria-hidden />}
                    variant={hasCodes ? "filled" : "default"}
                    onClick={() =>
                      showDialog(() => <RecoveryKeysDialog userid={userid} onClose={back} />)
                    }
                  >
                    {words.addRecovery}
                  </Button>
                )}
              </Group>
            </Stack>
          );
        }}
      </Loaded>
    </Modal>
  );
}

function FactorRow({
  userid,
  factor,
  onBack,
}: {
  readonly userid: string;
  readonly factor: FactorItem;
  readonly onBack: () => void;
}): ReactElement {
  const { id, type, description, created, enable } = factor;
  const name = type === "recovery" ? words.recovery : description === "" ? id : description;
  const Icon = type === "recovery" ? IconLifebuoy : IconDeviceMobile;
  const ask = (act: "remove" | "enable" | "disable"): void =>
    showDialog(() => <FactorActDialog {...{ userid, id, name, act }} onClose={onBack} />);
  return (
    <Group justify="space-between" gap="sm">
      <Group gap="sm" className="wrap-anywhere">
        <Icon size={20} className="name-icon" aria-hidden />
        <div>
          <Text size="sm" fw={500}>
            {name}
          </Text>
          <Text size="xs" c="dimmed">
            {words.kindOf(type)} · <TimeAgo timeSec={created} />
          </Text>
        </div>
        {!enable && <StateBadge tone="neutral">{words.off}</StateBadge>}
      </Group>
      <Group gap="xs">
        {type === "totp" && (
          <Button size="xs" variant="default" onClick={() => ask(enable ? "disable" : "enable")}>
            {enable ? words.disable : words.enable}
          </Button>
        )}
        <Button
          size="xs"
          variant="default"
          aria-label={words.removeLabel(name)}
          onClick={() => ask("remove")}
        >
          {words.remove}
        </Button>
      </Group>
    </Group>
  );
}
