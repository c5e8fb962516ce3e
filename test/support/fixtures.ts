import { resolve } from "node:path";

/** Where bytes and recordings of the genuine programs are. */
export const fixtures = resolve(import.meta.dirname, "../../fixtures");
