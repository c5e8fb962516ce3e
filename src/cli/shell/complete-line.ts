import { type ShellState } from "./shell-commands.ts";
import { resolveShellPath, shownPath } from "./shell-path.ts";

/**
 * What the word at the end of a line may become: commands first, then entries of the archive.
 *
 * Words in quotes are left alone, and so are names that need them.
 *
 * @returns Candidates, and the part of the line that they replace.
 */
export async function completeLine(
  line: string,
  { commands, state }: { readonly commands: readonly string[]; readonly state: ShellState },
): Promise<[string[], string]> {
  const word = /\S*$/.exec(line)?.[0] ?? "";
  if (line.trimStart() === word) return [matching(commands, word).map((name) => `${name} `), word];
  const folder = word.slice(0, word.lastIndexOf("/") + 1);
  const path = resolveShellPath(state.directory, folder);
  const entries = await state.opened.browser.list(path).catch(() => []);
  const names = entries
    .map(({ kind, name }) => ({ text: shownPath(name), end: kind === "directory" ? "/" : " " }))
    .filter(({ text }) => !text.startsWith('"'))
    .map(({ text, end }) => `${folder}${text}${end}`);
  return [matching(names, word), word];
}

function matching(candidates: readonly string[], start: string): string[] {
  return candidates.filter((candidate) => candidate.startsWith(start));
}
