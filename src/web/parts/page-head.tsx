import { Anchor, Breadcrumbs, Group, Stack, Text, Title } from "@mantine/core";
import { type ReactElement, type ReactNode, useEffect } from "react";

import { frameWords } from "../strings/frame-words.ts";

/** A place above the present one. */
export interface Crumb {
  readonly label: string;
  readonly to: string;
}

/** Title of a page with the way to it and what can be done with the whole; names the browser's tab, too. */
export function PageHead({
  title,
  subtitle,
  crumbs = [],
  actions,
}: {
  readonly title: string;
  readonly subtitle?: ReactNode;
  readonly crumbs?: readonly Crumb[];
  readonly actions?: ReactNode;
}): ReactElement {
  useEffect(() => {
    document.title = `${title} – ${frameWords.product}`;
  }, [title]);
  return (
    <Stack gap={4} mb="md">
      {crumbs.length > 0 && (
        <Breadcrumbs separatorMargin={6} className="crumbs">
          {crumbs.map(({ label, to }) => (
            <Anchor key={to} href={to} size="sm">
              {label}
            </Anchor>
          ))}
        </Breadcrumbs>
      )}
      <Group justify="space-between" align="center" gap="sm">
        <div className="page-title">
          <Title order={1} size="h2" className="wrap-anywhere">
            {title}
          </Title>
          {subtitle !== undefined && (
            <Text c="dimmed" size="sm" component="div">
              {subtitle}
            </Text>
          )}
        </div>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
    </Stack>
  );
}
