import { fuseNativeTransport } from "../../src/fs/fuse-native-transport.ts";
import { fuseTransport } from "../../src/fs/fuse-transport.ts";

// Mounts the file system of the contract suite until told otherwise: `exit` and `throw` on standard input end the
// process without unmounting, SIGTERM unmounts first, anything else is left to the test.

const [name, mountPoint = ""] = process.argv.slice(2);
const transport = name === "fuse-native" ? fuseNativeTransport : fuseTransport;

try {
  const mount = await transport.mount(
    { moduleUrl: new URL("./memory-file-system.ts", import.meta.url).href, argument: undefined },
    {
      mountPoint,
      sourceName: "amber child, \\ with odd name",
      allowOther: false,
      resolve: async () => await new Promise(() => undefined),
      onError: (error) => {
        process.stderr.write(`${error.message}\n`);
      },
    },
  );
  process.once("SIGTERM", () => {
    void mount.unmount().then(() => {
      process.stdin.destroy();
    });
  });
  process.stdin.setEncoding("utf8").on("data", (order: string) => {
    // eslint-disable-next-line n/no-process-exit -- what happens then is what is tested
    if (order.startsWith("exit")) process.exit(7);
    if (order.startsWith("throw")) throw new Error("ordered to fail");
  });
  process.stdout.write("mounted\n");
} catch (error) {
  process.stdout.write(`failed ${(error as { code?: string }).code ?? ""} ${String(error)}\n`);
  process.stdin.destroy();
}
