import { tell } from "../parts/notices.tsx";
import { contentWords } from "../strings/content-words.ts";

/** Puts a name into the clipboard and says so. */
export async function copyName(name: string): Promise<void> {
  await navigator.clipboard.writeText(name);
  tell({ text: contentWords.nameCopied(name) });
}
