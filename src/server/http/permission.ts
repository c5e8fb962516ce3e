import { type Privilege } from "../auth/privileges.ts";

/**
 * Who may call a route, as a value that a program can read.
 *
 * `privileges` is checked before the parameters are (spec auth.md §7), `content` by the handler with the parameters that
 * name a namespace (spec auth.md §9.7), `inside` by the handler in the way the rule says.
 */
export type Permission =
  | { readonly kind: "world" }
  | { readonly kind: "login" }
  | {
      readonly kind: "privileges";
      /** ACL path; `{name}` stands for a parameter of the route's path. */
      readonly path: string;
      readonly anyOf: readonly Privilege[];
    }
  | { readonly kind: "content"; readonly access: ContentAccess }
  | { readonly kind: "inside"; readonly rule: string };

/** Two sets of privileges for content of a datastore (spec auth.md §9.7). */
export interface ContentAccess {
  /** Any of these: the owner of the group does not matter. */
  readonly full: readonly Privilege[];
  /** Any of these: only for groups the caller owns. */
  readonly own: readonly Privilege[];
  /** What is done, for datastores that can only be read at present; `read` unless said. */
  readonly operation?: "read" | "write";
}

/** Anybody, without login. */
export const forTheWorld: Permission = { kind: "world" };

/** Everybody who is logged in; the answer says nothing that depends on privileges. */
export const anyLogin: Permission = { kind: "login" };

/** One of some privileges on an ACL path: `needs("/datastore/{store}", "Datastore.Audit")`. */
export function needs(path: string, ...anyOf: readonly Privilege[]): Permission {
  return { kind: "privileges", path, anyOf };
}

/** Privileges on the namespace that the parameters name; the handler checks them with `openPlace` and its kin. */
export function needsContent(access: ContentAccess): Permission {
  return { kind: "content", access };
}

/** A rule that only the handler can check, in words for the documentation. */
export function decidedInside(rule: string): Permission {
  return { kind: "inside", rule };
}

/** A permission in words, for the documentation of the API. */
export function permissionText(permission: Permission): string {
  switch (permission.kind) {
    case "world":
      return "No login needed.";
    case "login":
      return "Every login.";
    case "privileges":
      return `${permission.anyOf.join(" or ")} on \`${permission.path}\`.`;
    case "content": {
      const { full, own } = permission.access;
      const parts = [
        ...(full.length > 0 ? [`${full.join(" or ")} on the namespace`] : []),
        ...(own.length > 0 ? [`${own.join(" or ")} there, for groups of the caller`] : []),
      ];
      return `${parts.join("; or ")}.`;
    }
    case "inside":
      return permission.rule;
  }
}

/**
 * ACL path of a `privileges` permission for one request.
 *
 * @param parameters Of the path, decoded. A parameter that is no text leaves its name, which no ACL entry can have.
 */
export function permissionPath(
  template: string,
  parameters: Readonly<Record<string, unknown>>,
): string {
  return template.replaceAll(/\{([^}]+)\}/g, (whole, name: string) => {
    const value = parameters[name];
    return typeof value === "string" ? value : whole;
  });
}
