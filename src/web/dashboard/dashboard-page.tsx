import { type ReactElement } from "react";

import { PageHead } from "../parts/page-head.tsx";
import { frameWords } from "../strings/frame-words.ts";

/** Are my backups good? */
export function DashboardPage(): ReactElement {
  return <PageHead title={frameWords.dashboard} />;
}
