import { configDigest, type ConfigDirectory } from "../configuration/config-directory.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { type ContentAccess } from "../http/permission.ts";
import { type Accounts } from "./accounts.ts";
import { AclTree, type AclEntry, type Grant } from "./acl-tree.ts";
import { type AuthId, isOwnedBy, parseAuthId } from "../../format/snapshot/auth-id.ts";
import { isToken, ROOT_USER, userOf } from "./auth-id.ts";
import { ALL_PRIVILEGES, privilegeNames, privilegeSet, type Privilege } from "./privileges.ts";

const ACL_FILE = "acl.cfg";

const NO_GRANT: Grant = { granted: 0, propagated: 0 };

/** How far a caller may go. */
export type ContentScope = "every group" | "own groups";

/** Decides who may do what: roles on paths, tokens inside their users, owners of groups (spec auth.md §9). */
export class AccessControl {
  readonly #directory: ConfigDirectory;
  readonly #accounts: Accounts;
  #tree = new AclTree();
  #digest = configDigest("");

  private constructor(directory: ConfigDirectory, accounts: Accounts) {
    this.#directory = directory;
    this.#accounts = accounts;
  }

  /** Reads `acl.cfg`; a missing one is empty. */
  static async load(directory: ConfigDirectory, accounts: Accounts): Promise<AccessControl> {
    const control = new AccessControl(directory, accounts);
    await control.reload();
    return control;
  }

  /** Reads the file again, for an administrator who edited it. */
  async reload(): Promise<void> {
    const text = (await this.#directory.read(ACL_FILE)) ?? "";
    this.#tree = AclTree.parse(text);
    this.#digest = configDigest(text);
  }

  /** Digest of `acl.cfg`. */
  get digest(): string {
    return this.#digest;
  }

  /** Every assignment. */
  entries(): readonly AclEntry[] {
    return [...this.#tree.entries()];
  }

  /**
   * Changes assignments and saves them.
   *
   * @param check Looks at what everybody may do after the change; when it throws, nothing is changed.
   */
  async update(change: (tree: AclTree) => void, check?: () => void): Promise<void> {
    const before = this.#tree;
    this.#tree = AclTree.parse(before.format());
    try {
      change(this.#tree);
      check?.();
    } catch (error) {
      this.#tree = before;
      throw error;
    }
    const text = this.#tree.format();
    this.#digest = configDigest(text);
    await this.#directory.write(ACL_FILE, text);
  }

  /** What a caller may do on a path: nothing when inactive, everything as superuser, tokens within their user. */
  grant(id: AuthId, path: string): Grant {
    if (id === ROOT_USER) return { granted: ALL_PRIVILEGES, propagated: ALL_PRIVILEGES };
    if (!this.#accounts.isActive(id)) return NO_GRANT;
    const own = this.#tree.grant(id, path);
    if (!isToken(id)) return own;
    const user = this.grant(userOf(id), path);
    return {
      granted: own.granted & user.granted,
      propagated: own.propagated & user.propagated,
    };
  }

  /** Whether the caller has at least one of some privileges on a path. */
  hasAny(id: AuthId, path: string, privileges: readonly Privilege[]): boolean {
    return (this.grant(id, path).granted & privilegeSet(...privileges)) !== 0;
  }

  /** Whether the caller has at least one of some privileges on a path or anywhere below (spec auth.md §9.6). */
  hasAnyBelow(id: AuthId, path: string, privileges: readonly Privilege[]): boolean {
    if (this.hasAny(id, path, privileges)) return true;
    const below = path === "/" ? "/" : `${path}/`;
    return this.#tree
      .pathsOf(new Set([id, userOf(id)]))
      .some((candidate) => candidate.startsWith(below) && this.hasAny(id, candidate, privileges));
  }

  /** Paths that have an entry for the caller or its user. */
  mentionedPaths(id: AuthId): readonly string[] {
    return this.#tree.pathsOf(new Set([id, userOf(id)]));
  }

  /**
   * Demands one of some privileges.
   *
   * @throws {ApiError} `API_FORBIDDEN` with the text of a declarative check (spec auth.md §7).
   */
  require(id: AuthId, path: string, privileges: readonly Privilege[]): void {
    if (!this.hasAny(id, path, privileges)) {
      throw new ApiError("API_FORBIDDEN", "permission check failed");
    }
  }

  /**
   * Demands access to content of a namespace.
   *
   * @returns Whether the owner of a group matters.
   * @throws {ApiError} `API_FORBIDDEN`, naming what is missing.
   */
  requireContent(id: AuthId, path: string, access: ContentAccess): ContentScope {
    const { granted } = this.grant(id, path);
    if ((granted & privilegeSet(...access.full)) !== 0) return "every group";
    if ((granted & privilegeSet(...access.own)) !== 0) return "own groups";
    const missing = privilegeNames(privilegeSet(...access.full, ...access.own)).join("|");
    throw new ApiError("API_FORBIDDEN", `permission check failed - missing ${missing} on ${path}`);
  }
}

/**
 * Demands that the caller may act as the owner of a group.
 *
 * @throws {ApiError} `API_REFUSED`.
 */
export function requireOwner(id: AuthId, owner: string): void {
  if (!isOwnedBy(parseAuthId(owner), id)) {
    throw refused(`backup owner check failed (${id} != ${owner})`);
  }
}

/** ACL path of a namespace of a datastore (spec auth.md §9.3). */
export function datastorePath(store: string, namespace: string): string {
  return namespace === "" ? `/datastore/${store}` : `/datastore/${store}/${namespace}`;
}
