import { type Command, Option } from "commander";

import type { KeptKey } from "../../client/keys/make-key.ts";
import type { KeyDerivationName } from "../../format/crypto/key-derivation.ts";
import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
  withServer,
} from "../connection-options.ts";
import { commandLog } from "../log.ts";
import { addOutputFormatOption, type OutputFormatOptions } from "../output-format.ts";
import { runCommand } from "../run-command.ts";

interface KeepOptions {
  readonly kdf: KeyDerivationName;
  readonly hint?: string;
}

const DEFAULT_PATH = "key file; default is the default key";

/** Adds `amber key …`: making, changing, showing and recovering encryption keys and master keys. */
export function registerKeyCommand(program: Command): void {
  const key = program.command("key").description("manage encryption keys and master keys");
  addCreateCommand(key);
  addChangePassphraseCommand(key);
  addShowCommand(key);
  addPaperkeyCommand(key);
  addCreateMasterKeyCommand(key);
  addImportMasterPubkeyCommand(key);
  addImportWithMasterKeyCommand(key);
  addShowMasterPubkeyCommand(key);
  addVerifyRecoveryCommand(key);
}

function addCreateCommand(parent: Command): void {
  const command = parent
    .command("create")
    .description("make a new encryption key")
    .argument("[path]", "where to write it; default is the place of the default key");
  addKeepOptions(command).action(async (path: string | undefined, options: KeepOptions) => {
    await runCommand(async () => {
      const { makeKey } = await import("../../client/keys/make-key.ts");
      const { keyTools } = await import("../key-tools.ts");
      const kept = await makeKey(keyTools(), path, keepWishes(options));
      await tellKept(kept, "Encryption key written to");
      commandLog.line(
        "info",
        "Without it no encrypted backup can be read: keep a copy elsewhere (amber key paperkey).",
      );
    });
  });
}

function addChangePassphraseCommand(parent: Command): void {
  const command = parent
    .command("change-passphrase")
    .description("write a key file anew with another passphrase")
    .argument("[path]", DEFAULT_PATH);
  addKeepOptions(command).action(async (path: string | undefined, options: KeepOptions) => {
    await runCommand(async () => {
      const { changePassphrase } = await import("../../client/keys/make-key.ts");
      const { keyTools } = await import("../key-tools.ts");
      const kept = await changePassphrase(keyTools(), path, keepWishes(options));
      await tellKept(kept, "Passphrase changed of");
    });
  });
}

function addShowCommand(parent: Command): void {
  const command = parent
    .command("show")
    .description("tell about a key file, without opening it")
    .argument("[path]", DEFAULT_PATH);
  addOutputFormatOption(command).action(
    async (path: string | undefined, { outputFormat: format }: OutputFormatOptions) => {
      await runCommand(async () => {
        const { existingKey } = await import("../../client/keys/make-key.ts");
        const { readKeyFile } = await import("../../client/keys/load-key.ts");
        const { keyInfo } = await import("../key-info.ts");
        const { keyTools } = await import("../key-tools.ts");
        const { tableStyle } = await import("../table.ts");
        const { config, warn } = keyTools();
        const source = await existingKey(config, path);
        const file = await readKeyFile(source, warn);
        process.stdout.write(keyInfo(source.path, file, { format, style: tableStyle() }));
      });
    },
  );
}

function addPaperkeyCommand(parent: Command): void {
  parent
    .command("paperkey")
    .description("print a key file, or a private master key, for keeping on paper")
    .argument("[path]", DEFAULT_PATH)
    .option("--subject <text>", "line that says what the key is for")
    .addOption(
      new Option("--output-format <format>", "plain text, or a page for a browser to print")
        .choices(["text", "html"])
        .default("text"),
    )
    .action(
      async (
        path: string | undefined,
        {
          subject,
          outputFormat,
        }: { readonly subject?: string; readonly outputFormat: "text" | "html" },
      ) => {
        await runCommand(async () => {
          const { existingKey } = await import("../../client/keys/make-key.ts");
          const { readKeyText } = await import("../../client/keys/load-key.ts");
          const { paperKeyHtml, paperKeyText } = await import("../../client/keys/paper-key.ts");
          const { keyTools } = await import("../key-tools.ts");
          const { config, warn } = keyTools();
          const content = await readKeyText(await existingKey(config, path), warn);
          const render = outputFormat === "html" ? paperKeyHtml : paperKeyText;
          process.stdout.write(render({ content, subject }));
        });
      },
    );
}

function addCreateMasterKeyCommand(parent: Command): void {
  parent
    .command("create-master-key")
    .description("make a master key in this folder: master-public.pem, master-private.pem")
    .action(async () => {
      await runCommand(async () => {
        const { makeMasterKey } = await import("../../client/keys/make-master-key.ts");
        const { keyTools } = await import("../key-tools.ts");
        const { publicPath, privatePath } = await makeMasterKey(keyTools(), ".");
        commandLog.line(
          "info",
          `Private master key written to '${privatePath}': keep it off-line.`,
        );
        commandLog.line("info", `Public master key written to '${publicPath}'.`);
      });
    });
}

function addImportMasterPubkeyCommand(parent: Command): void {
  parent
    .command("import-master-pubkey")
    .description("make a public master key the default: every key is then stored wrapped with it")
    .argument("<path>", "public master key, in PEM form")
    .action(async (path: string) => {
      await runCommand(async () => {
        const { importMasterPublicKey } = await import("../../client/keys/make-master-key.ts");
        const { keyTools } = await import("../key-tools.ts");
        const target = await importMasterPublicKey(keyTools(), path);
        commandLog.line("info", `Imported public master key to '${target}'.`);
      });
    });
}

interface ImportOptions extends KeepOptions {
  readonly masterKeyfile: string;
  readonly encryptedKeyfile: string;
}

function addImportWithMasterKeyCommand(parent: Command): void {
  const command = parent
    .command("import-with-master-key")
    .description("get an encryption key back with the private master key")
    .argument("[path]", "where to write it; default is the place of the default key")
    .requiredOption("--master-keyfile <path>", "private master key, in PEM form")
    .requiredOption("--encrypted-keyfile <path>", "rsa-encrypted.key, as restored from a snapshot");
  addKeepOptions(command).action(async (path: string | undefined, options: ImportOptions) => {
    await runCommand(async () => {
      const { importWrappedKey } = await import("../../client/keys/make-key.ts");
      const { keyTools } = await import("../key-tools.ts");
      const kept = await importWrappedKey(keyTools(), path, {
        ...keepWishes(options),
        masterKeyPath: options.masterKeyfile,
        wrappedKeyPath: options.encryptedKeyfile,
      });
      await tellKept(kept, "Encryption key written to");
    });
  });
}

function addShowMasterPubkeyCommand(parent: Command): void {
  const command = parent
    .command("show-master-pubkey")
    .description("tell about a public master key")
    .argument("[path]", "public master key; default is the default one");
  addOutputFormatOption(command).action(
    async (path: string | undefined, { outputFormat: format }: OutputFormatOptions) => {
      await runCommand(async () => {
        const { existingMasterKey, readMasterPublicKey } =
          await import("../../client/keys/make-master-key.ts");
        const { masterKeyInfo } = await import("../key-info.ts");
        const { keyTools } = await import("../key-tools.ts");
        const { tableStyle } = await import("../table.ts");
        const place = await existingMasterKey(keyTools().config, path);
        const { key } = await readMasterPublicKey(place);
        process.stdout.write(masterKeyInfo(place, key, { format, style: tableStyle() }));
      });
    },
  );
}

interface VerifyOptions extends ConnectionOptions, NamespaceOption, OutputFormatOptions {
  readonly paperkey?: string;
  readonly masterKeyfile?: string;
  readonly all?: true;
}

function addVerifyRecoveryCommand(parent: Command): void {
  const command = parent
    .command("verify-recovery")
    .description("prove that a paper key or the private master key alone opens a snapshot")
    .argument("<snapshot>", "snapshot, as type/id/time, or type/id for the newest of a group")
    .option("--paperkey <file>", "paper key: its text, or the page it was printed from")
    .option("--master-keyfile <file>", "private master key, in PEM form")
    .option("--all", "read every chunk, not only some of every archive");
  addOutputFormatOption(addNamespaceOption(addConnectionOptions(command))).action(
    async (snapshot: string, options: VerifyOptions) => {
      await runCommand(async (signal) => {
        const { recoveryMeans, verifyRecovery } = await import("../verify-recovery.ts");
        const { findSnapshot } = await import("../snapshot-argument.ts");
        const means = recoveryMeans(options);
        const namespace = await chooseNamespace(options);
        const { outputFormat } = options;
        const chunks = options.all === true ? "all" : "some";
        await withServer(options, async (server) => {
          const found = await findSnapshot(server, namespace, snapshot, signal);
          const what = { server, snapshot: { ...found, namespace }, means, chunks } as const;
          await verifyRecovery({ ...what, outputFormat, signal });
        });
      });
    },
  );
}

function addKeepOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--kdf <kdf>", "how the passphrase protects the key; none keeps it in the clear")
        .choices(["none", "scrypt", "pbkdf2"])
        .default("scrypt"),
    )
    .option("--hint <text>", "what to remember the passphrase by; anyone with the file sees it");
}

function keepWishes({ kdf, hint }: KeepOptions): {
  readonly derivation: KeyDerivationName;
  readonly hint: string | undefined;
} {
  return { derivation: kdf, hint };
}

async function tellKept({ path, fingerprint }: KeptKey, what: string): Promise<void> {
  const { shortFingerprint } = await import("../../format/crypto/fingerprint.ts");
  commandLog.line("info", `${what} '${path}' (fingerprint ${shortFingerprint(fingerprint)}).`);
}
