import { main } from "../../src/cli/main.ts";

// The program as it is built from these sources, for tests that start it as a process of its own:
// `node --import tsx test/support/program-from-source.ts …`.
await main(process.argv);
