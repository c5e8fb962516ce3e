import { type CryptKey, cryptKeyOf } from "../../src/format/crypto/crypt-key.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";

/** Bytes 00 to 1f: what encrypts every encrypted fixture (fixtures/README.md). */
export const knownKeyBytes: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => i);

/** {@link knownKeyBytes}, ready for use. */
export const knownKey: CryptKey = cryptKeyOf(createNativeProvider(), knownKeyBytes);

/** A key that opens nothing. */
export const otherKey: CryptKey = cryptKeyOf(createNativeProvider(), new Uint8Array(32).fill(7));
