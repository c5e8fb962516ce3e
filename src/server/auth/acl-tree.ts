import { ConfigError } from "../configuration/config-error.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { tryParseAuthId } from "./auth-id.ts";
import { roles } from "./privileges.ts";

/** One assignment of a role. */
export interface AclEntry {
  readonly path: string;
  readonly authId: AuthId;
  readonly role: string;
  /** Whether the role also holds below the path. */
  readonly propagate: boolean;
}

/** Privileges of one authid on a path. */
export interface Grant {
  /** What it may do there. */
  readonly granted: number;
  /** What it may do there and below. */
  readonly propagated: number;
}

const NOTHING: Grant = { granted: 0, propagated: 0 };

/** Assigned roles by path and authid, and the rule how they add up (spec auth.md §9.4). */
export class AclTree {
  readonly #nodes = new Map<string, Map<AuthId, Map<string, boolean>>>();
  /** Lines for groups and for roles of newer releases: they give nothing here, and stay in the file. */
  readonly #foreignLines: string[] = [];

  /**
   * Parses `acl.cfg`: `acl:<propagate>:<path>:<authids>:<roles>` per line.
   *
   * Entries for groups (`@name`) and for unknown roles give nothing, as in the reference, but {@link format} keeps them.
   *
   * @throws {ConfigError} `CONFIG_INVALID`.
   */
  static parse(text: string): AclTree {
    const tree = new AclTree();
    for (const [index, line] of text.split("\n").entries()) {
      if (line.trim() === "" || line.startsWith("#")) continue;
      const match = /^acl:([01]):(\/[^:]*):([^:]+):([^:]+)$/.exec(line.trim());
      if (!match) {
        throw new ConfigError("CONFIG_INVALID", "acl.cfg", `line ${index + 1} is no entry`);
      }
      const [, propagate, path = "/", authIds = "", roleNames = ""] = match;
      for (const text of authIds.split(",")) {
        const authId = tryParseAuthId(text);
        for (const role of roleNames.split(",")) {
          if (authId !== undefined && Object.hasOwn(roles, role)) {
            tree.set({ path: normalizePath(path), authId, role, propagate: propagate === "1" });
          } else {
            tree.#foreignLines.push(`acl:${propagate ?? ""}:${path}:${text}:${role}`);
          }
        }
      }
    }
    return tree;
  }

  /** Adds an assignment, or changes whether it propagates. */
  set(entry: AclEntry): void {
    let node = this.#nodes.get(entry.path);
    if (!node) this.#nodes.set(entry.path, (node = new Map<AuthId, Map<string, boolean>>()));
    let own = node.get(entry.authId);
    if (!own) node.set(entry.authId, (own = new Map<string, boolean>()));
    own.set(entry.role, entry.propagate);
  }

  /** Removes an assignment; one that does not exist is no error. */
  delete(path: string, authId: AuthId, role: string): void {
    const node = this.#nodes.get(path);
    const own = node?.get(authId);
    own?.delete(role);
    if (own?.size === 0) node?.delete(authId);
    if (node?.size === 0) this.#nodes.delete(path);
  }

  /** Removes everything assigned to an authid. */
  deleteAuthId(authId: AuthId): void {
    for (const entry of [...this.entries()]) {
      if (entry.authId === authId) this.delete(entry.path, authId, entry.role);
    }
  }

  /** Every assignment, by path. */
  *entries(): Generator<AclEntry> {
    for (const [path, node] of [...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1))) {
      for (const [authId, own] of node) {
        for (const [role, propagate] of own) yield { path, authId, role, propagate };
      }
    }
  }

  /** Paths with an entry for one of these authids. */
  pathsOf(authIds: ReadonlySet<AuthId>): readonly string[] {
    const paths: string[] = [];
    for (const [path, node] of this.#nodes) {
      if ([...node.keys()].some((id) => authIds.has(id))) paths.push(path);
    }
    return paths;
  }

  /** What the entries of exactly this authid give it on a path; users and tokens are not merged here. */
  grant(authId: AuthId, path: string): Grant {
    const components = path.split("/").filter((component) => component !== "");
    let effective = this.#ownRoles("/", authId, components.length === 0);
    let walked = "";
    for (const [index, component] of components.entries()) {
      walked += `/${component}`;
      const own = this.#ownRoles(walked, authId, index === components.length - 1);
      if (own) effective = own;
    }
    return effective ? grantOf(effective) : NOTHING;
  }

  /** Renders `acl.cfg`; the inverse of {@link parse}. */
  format(): string {
    const lines = new Map<string, AuthId[]>();
    for (const [path, node] of [...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1))) {
      for (const [authId, own] of node) {
        for (const propagate of [false, true]) {
          const names = [...own].filter(([, flag]) => flag === propagate).map(([role]) => role);
          if (names.length === 0) continue;
          const key = `${propagate ? 1 : 0}:${path}\n${names.sort().join(",")}`;
          lines.set(key, [...(lines.get(key) ?? []), authId]);
        }
      }
    }
    let text = "";
    for (const [key, authIds] of lines) {
      const [head = "", names = ""] = key.split("\n");
      text += `acl:${head}:${authIds.sort().join(",")}:${names}\n`;
    }
    return text + this.#foreignLines.map((line) => `${line}\n`).join("");
  }

  #ownRoles(
    path: string,
    authId: AuthId,
    isLeaf: boolean,
  ): ReadonlyMap<string, boolean> | undefined {
    const own = this.#nodes.get(path)?.get(authId);
    if (!own) return undefined;
    const visible = new Map([...own].filter(([, propagate]) => isLeaf || propagate));
    const noAccess = visible.get("NoAccess");
    if (noAccess !== undefined) return new Map([["NoAccess", noAccess]]);
    return visible.size > 0 ? visible : undefined;
  }
}

function grantOf(assigned: ReadonlyMap<string, boolean>): Grant {
  let granted = 0;
  let propagated = 0;
  for (const [role, propagate] of assigned) {
    const privileges = roles[role]?.privileges ?? 0;
    granted |= privileges;
    if (propagate) propagated |= privileges;
  }
  return { granted, propagated };
}

/** Drops doubled and trailing slashes: `/datastore//s1/` is `/datastore/s1`. */
export function normalizePath(path: string): string {
  return `/${path
    .split("/")
    .filter((component) => component !== "")
    .join("/")}`;
}

const ACL_PATH_PATTERN = new RegExp(
  [
    "^/$",
    "^/access(/(acl|users|domains|openid(/ID)?))?$",
    "^/datastore(/ID){0,8}$",
    "^/remote(/ID){0,9}$",
    "^/system(/(certificates|disks|log|notifications|status|tasks|time))?$",
    "^/system/services(/ID)?$",
    "^/system/network(/dns|/interfaces(/ID)?)?$",
    "^/tape(/(device|pool|job)(/ID)?)?$",
  ]
    .join("|")
    .replaceAll("ID", "[A-Za-z0-9_][A-Za-z0-9._-]*"),
);

/** Whether roles can be assigned on this path (spec auth.md §9.3). */
export function isAclPath(path: string): boolean {
  return path.length <= 128 && ACL_PATH_PATTERN.test(path);
}
