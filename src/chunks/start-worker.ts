import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts a thread from a module that lies beside the caller's.
 *
 * The same call works from TypeScript sources (tests) and from the built program: the extension is that of the caller.
 *
 * @param name File name without extension, for example `codec-worker`.
 * @param callerUrl `import.meta.url` of the caller.
 */
export function startWorker(name: string, callerUrl: string, options: WorkerOptions = {}): Worker {
  const isSource = callerUrl.endsWith(".ts");
  const url = new URL(`./${name}.${isSource ? "ts" : "js"}`, callerUrl);
  return new Worker(isSource ? throughTsx(url) : url, options);
}

/** Module that registers the TypeScript loader, which threads do not inherit, and then loads `url`. */
function throughTsx(url: URL): URL {
  // `import.meta.resolve` is absent when tests are loaded as CommonJS, and the CommonJS form of the loader does not work.
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx/esm/api"));
  const source = `import { register } from ${JSON.stringify(loader.href.replace(/\.cjs$/, ".mjs"))};
    register();
    await import(${JSON.stringify(url.href)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}
