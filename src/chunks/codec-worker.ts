import { parentPort } from "node:worker_threads";
import { announceLoaded } from "./announce-loaded.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { FormatError } from "../format/format-error.ts";
import { type CodecAnswer, formatErrorParts, type CodecMessage } from "./codec-message.ts";
import { CodecTaskRunner } from "./codec-task.ts";

// Entry of a codec thread: answers tasks in the order in which they come.
if (!parentPort) throw new TypeError("not started as a thread");
const port = parentPort;
const runner = new CodecTaskRunner(createNativeProvider());
// The provider loads native modules too.
announceLoaded();

port.on("message", (message: CodecMessage) => {
  switch (message.kind) {
    case "key":
      runner.addKey(message.keyId, message.key);
      return;
    case "task": {
      const answer = answerOf(message);
      const made = "result" in answer ? [answer.result.blob, answer.result.plain] : [];
      const buffers = made.map((bytes) => bytes?.buffer);
      port.postMessage(
        answer,
        buffers.filter((buffer) => buffer instanceof ArrayBuffer),
      );
    }
  }
});

function answerOf({ taskId, task }: CodecMessage & { readonly kind: "task" }): CodecAnswer {
  try {
    return { taskId, result: runner.run(task) };
  } catch (error) {
    if (error instanceof FormatError) return { taskId, formatError: formatErrorParts(error) };
    return { taskId, error };
  }
}
