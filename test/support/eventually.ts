import { setTimeout as sleep } from "node:timers/promises";

/** Waits for a state that the server reaches on its own and does not announce: looks again and again, up to 10 s. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await condition()) return;
    await sleep(25);
  }
  throw new Error("waited 10 s in vain");
}
