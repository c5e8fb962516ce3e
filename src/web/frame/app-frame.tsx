import { AppShell, Burger, Container, Group, Text, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { type ReactElement, useEffect } from "react";

import { AmberMark } from "../parts/amber-mark.tsx";
import { DialogHost, leavePlace } from "../parts/dialog-host.tsx";
import { Notices } from "../parts/notices.tsx";
import { frameWords } from "../strings/frame-words.ts";
import { hashTo, useHashRoute } from "./hash-route.ts";
import { Navigation } from "./navigation.tsx";
import { PageOfRoute } from "./page-of-route.tsx";
import { RunningTasks } from "./running-tasks.tsx";
import { UserMenu } from "./user-menu.tsx";

/** Header, navigation and the page that the address names. */
export function AppFrame({ user }: { readonly user: string }): ReactElement {
  const route = useHashRoute();
  const [isOpen, navigation] = useDisclosure(false);
  const place = route.path.join("/");
  useEffect(() => {
    navigation.close();
    leavePlace();
    scrollTo(0, 0);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- when the place changes, and only then
  }, [place]);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 250, breakpoint: "sm", collapsed: { mobile: !isOpen } }}
      padding={{ base: "sm", sm: "lg" }}
    >
      <a className="skip-link" href="#main" onClick={focusMain}>
        {frameWords.skipToContent}
      </a>
      <AppShell.Header className="frame-header">
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={isOpen}
              onClick={navigation.toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={frameWords.openNavigation}
              aria-expanded={isOpen}
            />
            <UnstyledButton component="a" href={hashTo([])}>
              <Group gap={8} wrap="nowrap">
                <AmberMark size={30} />
                <Text fw={700} size="lg">
                  {frameWords.product}
                </Text>
              </Group>
            </UnstyledButton>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <RunningTasks />
            <UserMenu user={user} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label={frameWords.sideNavigationLabel} className="frame-nav">
        <Navigation path={route.path} />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className="frame-main">
        <Container size="xl" px={0}>
          <PageOfRoute route={route} />
        </Container>
      </AppShell.Main>
      <DialogHost />
      <Notices />
    </AppShell>
  );
}

/** The address belongs to the pages, so the link must not change it. */
function focusMain(event: { preventDefault: () => void }): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
