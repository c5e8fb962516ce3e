import { writeFile } from "node:fs/promises";

import { apiDocument } from "./api-document.ts";

// `npm run openapi`: brings docs/openapi.json up to date with the routes.
await writeFile(new URL("../../docs/openapi.json", import.meta.url), await apiDocument());
