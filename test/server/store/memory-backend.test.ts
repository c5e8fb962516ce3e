import { MemoryBackend } from "../../../src/server/store/memory-backend.ts";
import { itIsAStoreBackend } from "../../contract/store-backend.contract.ts";
import { FakeClock } from "../../support/fake-clock.ts";

describe("server/store/memory-backend", () => {
  itIsAStoreBackend(async () => {
    const clock = new FakeClock();
    return await Promise.resolve({ backend: new MemoryBackend(clock), clock });
  });
});
