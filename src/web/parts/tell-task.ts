import { hashTo } from "../frame/hash-route.ts";
import { frameWords } from "../strings/frame-words.ts";
import { tell } from "./notices.tsx";

/** Says that a task has started, with the way to its log. */
export function tellTask(what: string, upid: string): void {
  tell({
    text: frameWords.taskStarted(what),
    link: { to: hashTo(["tasks", upid]), label: frameWords.openLog },
  });
}
