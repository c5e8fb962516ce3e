import { type ReactElement } from "react";

import { PageHead } from "../parts/page-head.tsx";
import { frameWords } from "../strings/frame-words.ts";

/** Users, tokens, permissions, the server itself. */
export function AdministrationPage({
  tab: _tab,
}: {
  readonly tab: string | undefined;
}): ReactElement {
  return <PageHead title={frameWords.administration} />;
}
