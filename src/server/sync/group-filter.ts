import { FormatError } from "../../format/format-error.ts";
import {
  type BackupGroup,
  backupGroupText,
  parseBackupGroup,
  parseBackupType,
} from "../../format/snapshot/snapshot-id.ts";

/** Which groups a sync takes. */
export type GroupFilter = (group: BackupGroup) => boolean;

/**
 * Combines entries of the form `[include:|exclude:](type:TYPE|group:TYPE/ID|regex:RE)`; their order does not matter.
 *
 * A group is taken if no entry includes anything or one includes it, and no entry excludes it.
 *
 * @throws {FormatError} `FORMAT_INVALID` naming the entry.
 * @see spec retention-gc-verify-sync.md §5.4
 */
export function parseGroupFilter(entries: readonly string[]): GroupFilter {
  const parsed = entries.map(parseEntry);
  const includes = parsed.filter(({ isExclude }) => !isExclude);
  const excludes = parsed.filter(({ isExclude }) => isExclude);
  return (group) =>
    (includes.length === 0 || includes.some(({ matches }) => matches(group))) &&
    !excludes.some(({ matches }) => matches(group));
}

interface FilterEntry {
  readonly isExclude: boolean;
  readonly matches: GroupFilter;
}

function parseEntry(entry: string): FilterEntry {
  const [, action, kind = "", value = ""] =
    /^(?:(include|exclude):)?(type|group|regex):(.*)$/s.exec(entry) ?? [];
  return { isExclude: action === "exclude", matches: matcher(entry, kind, value) };
}

function matcher(entry: string, kind: string, value: string): GroupFilter {
  switch (kind) {
    case "type": {
      const type = parseBackupType(value);
      return (group) => group.type === type;
    }
    case "group": {
      const wanted = parseBackupGroup(value);
      return (group) => group.type === wanted.type && group.id === wanted.id;
    }
    case "regex":
      return regexMatcher(entry, value);
    default:
      throw new FormatError("FORMAT_INVALID", "group filter", `"${entry.slice(0, 100)}"`);
  }
}

function regexMatcher(entry: string, value: string): GroupFilter {
  try {
    const pattern = new RegExp(value, "u");
    return (group) => pattern.test(backupGroupText(group));
  } catch (cause) {
    throw new FormatError("FORMAT_INVALID", "group filter", `"${entry.slice(0, 100)}"`, { cause });
  }
}
