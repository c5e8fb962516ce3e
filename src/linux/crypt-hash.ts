import koffi from "koffi";

/** Size of `struct crypt_data`, fixed by the library's interface: crypt(3). */
const DATA_BYTES = 32_768;

type CryptCall = (phrase: string, setting: string, data: Uint8Array) => Promise<string | null>;

let call: CryptCall | "missing" | undefined;

/**
 * Hashes a phrase with the method and salt of an existing hash, by the system's crypt(3): yescrypt, SHA-crypt and whatever
 * else it knows. Compare the result with that hash in constant time.
 *
 * Runs off the calling thread: a hash takes long on purpose.
 *
 * @param setting A stored hash, `$y$…` or `$5$…`.
 * @returns `undefined` when the system has no such library or the library does not know the method.
 */
export async function cryptHash(phrase: string, setting: string): Promise<string | undefined> {
  call ??= bindCrypt();
  if (call === "missing" || phrase.includes("\0")) return undefined;
  const hash = await call(phrase, setting, new Uint8Array(DATA_BYTES));
  // Failures are a null pointer, or a text that no hash begins with.
  return hash === null || hash.startsWith("*") ? undefined : hash;
}

function bindCrypt(): CryptCall | "missing" {
  for (const name of ["libcrypt.so.1", "libcrypt.so.2"]) {
    try {
      const library = koffi.load(name);
      const bound = library.func(
        "const char *crypt_r(const char *phrase, const char *setting, void *data)",
      );
      return async (phrase, setting, data) =>
        await new Promise((resolve, reject) => {
          bound.async(phrase, setting, data, (error: unknown, hash: string | null) => {
            if (error instanceof Error) reject(error);
            else resolve(hash);
          });
        });
    } catch {
      continue; // The next name, or none.
    }
  }
  return "missing";
}
