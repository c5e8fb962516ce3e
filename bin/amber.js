#!/usr/bin/env node
const entry = new URL("../dist/cli/main.js", import.meta.url);
try {
  const { main } = await import(entry.href);
  await main(process.argv);
} catch (error) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND" || error?.url !== entry.href) throw error;
  process.stderr.write("Error: the program is not built yet; run `npm run build` first.\n");
  process.exitCode = 1;
}
