import { privilegeSet, type Privilege } from "../../src/server/auth/privileges.ts";
import { type RouteDescription } from "../../src/server/http/route.ts";

/** One of some privileges on an ACL path. */
export interface Need {
  readonly path: string;
  readonly anyOf: readonly Privilege[];
  /** Whether a privilege anywhere below the path will do. */
  readonly below?: true;
}

/** What a caller who may not call a route gets. */
export type Otherwise =
  | "refused"
  /** An answer that does not contain this text, which the answer to those who may contains. */
  | { readonly hides: string }
  /** A task that changes nothing. */
  | "nothing done";

/** Parameters for one caller; `mine` is a name that belongs to it. */
export type ParametersFor = (caller: {
  readonly kind: "owner" | "other";
  readonly authId: string;
  readonly mine: string;
}) => Readonly<Record<string, unknown>>;

/** Who may call a route with which result, as a program can try it. */
export interface AccessRule {
  /** All of these are needed to reach what belongs to others; `undefined` where nobody can. */
  readonly full: readonly Need[] | undefined;
  /** All of these are needed to reach one's own; `undefined` where ownership means nothing. */
  readonly own?: readonly Need[];
  readonly otherwise: Otherwise;
  /** What a caller with `own` gets about what belongs to others; like `otherwise` unless said. */
  readonly nonOwner?: Otherwise;
  readonly parameters?: ParametersFor;
  /** `user`: callers log in with a ticket, because tokens may not do this at all, or not for themselves. */
  readonly as?: "user" | "token";
}

/** Namespace that all content of others lies in, and path of its roles. */
export const PLACE = "/datastore/store1/a";

/** Somebody else, with a token `t`. */
export const VICTIM = "victim@pbs";

/** Name of a task of somebody else, of one worker type. */
export function taskOf(authId: string, index: number): string {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, "0");
  return `UPID:pbs:0000099A:0003C76D:${hex(index)}:${hex(1_700_000_000 + index)}:backup:store1:${authId}:`;
}

/** Position of the task that {@link taskOf} names, by its owner. */
export const VICTIM_TASK = 1;

/** See {@link VICTIM_TASK}. */
export const OWNER_TASK = 2;

function on(path: string, ...anyOf: readonly Privilege[]): Need {
  return { path, anyOf };
}

function below(path: string, ...anyOf: readonly Privilege[]): Need {
  return { path, anyOf, below: true };
}

const VISIBLE = [
  "Datastore.Modify",
  "Datastore.Read",
  "Datastore.Backup",
  "Datastore.Audit",
] as const;

/** A user about itself, or about {@link VICTIM} with a privilege. */
function aboutUser(need: Need, more: Readonly<Record<string, unknown>> = {}): AccessRule {
  return {
    full: [need],
    own: [],
    otherwise: "refused",
    as: "user",
    parameters: ({ kind, authId }) => ({ userid: kind === "owner" ? authId : VICTIM, ...more }),
  };
}

function aboutTask(privilege: Privilege): AccessRule {
  return {
    full: [on("/system/tasks", privilege)],
    own: [],
    otherwise: "refused",
    parameters: ({ kind, authId }) => ({
      upid: kind === "owner" ? taskOf(authId, OWNER_TASK) : taskOf(VICTIM, VICTIM_TASK),
    }),
  };
}

function listOf(need: readonly Need[], hides: string, own?: readonly Need[]): AccessRule {
  return { full: need, otherwise: { hides }, ...(own ? { own } : {}) };
}

function gated(full: readonly Need[], given: Readonly<Record<string, unknown>> = {}): AccessRule {
  return { full, otherwise: "refused", parameters: () => given };
}

const job = { id: "job-1" };
const newJob = { id: "job-new", store: "store1", ns: "a", schedule: "daily" };
const syncJob = { remote: "there", "remote-store": "tank", "remove-vanished": true };
const syncNeeds = [
  on(PLACE, "Datastore.Backup"),
  on(PLACE, "Datastore.Modify"), // Its owner is the superuser.
  on("/remote/there/tank", "Remote.Read"),
];
const seesSync = [on(PLACE, "Datastore.Audit"), on("/remote/there", "Remote.Audit")];
const confirmed = { password: "the-password" };
const modifiesUsers = on("/access/users", "Permissions.Modify");
const auditsUsers = on("/access/users", "Sys.Audit");

/**
 * Rules of routes that decide inside, and of those where ownership shows in another way than by a refusal.
 *
 * A route with `needs(…)` or `needsContent(…)` has its rule from there and needs no row.
 */
const written: Readonly<Record<string, AccessRule>> = {
  "GET /access/users": { ...listOf([auditsUsers], VICTIM), own: [] },
  "GET /access/users/{userid}": aboutUser(auditsUsers),
  "PUT /access/users/{userid}": aboutUser(modifiesUsers, { comment: "changed" }),
  "GET /access/users/{userid}/token": aboutUser(auditsUsers),
  "GET /access/users/{userid}/token/{token-name}": aboutUser(auditsUsers, { "token-name": "tok" }),
  "POST /access/users/{userid}/token/{token-name}": aboutUser(modifiesUsers, {
    "token-name": "new",
  }),
  "PUT /access/users/{userid}/token/{token-name}": aboutUser(on("/", "Permissions.Modify"), {
    "token-name": "tok",
    regenerate: true,
  }),
  "DELETE /access/users/{userid}/token/{token-name}": aboutUser(modifiesUsers, {
    "token-name": "tok",
  }),
  "PUT /access/password": aboutUser(on("/", "Permissions.Modify"), {
    password: "another-one",
    "confirmation-password": "the-password",
  }),
  "GET /access/tfa": { ...listOf([auditsUsers], VICTIM), own: [] },
  "GET /access/tfa/{userid}": aboutUser(auditsUsers),
  "GET /access/tfa/{userid}/{id}": aboutUser(auditsUsers, { id: "totp-1" }),
  "POST /access/tfa/{userid}": aboutUser(modifiesUsers, { type: "recovery", ...confirmed }),
  "PUT /access/tfa/{userid}/{id}": aboutUser(modifiesUsers, { id: "totp-1", ...confirmed }),
  "DELETE /access/tfa/{userid}/{id}": aboutUser(modifiesUsers, { id: "totp-1", ...confirmed }),
  "GET /access/acl": {
    ...listOf([on("/access/acl", "Sys.Audit", "Permissions.Modify")], `${VICTIM}!tok`),
    own: [],
  },
  "PUT /access/acl": {
    full: [on("/access/acl", "Permissions.Modify")],
    own: [],
    otherwise: "refused",
    as: "user",
    parameters: ({ kind, authId }) => ({
      path: "/datastore",
      role: "Admin",
      "auth-id": `${kind === "owner" ? authId : VICTIM}!tok`,
    }),
  },
  "GET /access/permissions": {
    full: [on("/access", "Sys.Audit")],
    own: [],
    otherwise: "refused",
    parameters: ({ kind, authId }) => ({ "auth-id": kind === "owner" ? authId : VICTIM }),
  },
  "GET /nodes/{node}/tasks": {
    ...listOf([on("/system/tasks", "Sys.Audit")], `backup:store1:${VICTIM}`),
    own: [],
  },
  "GET /nodes/{node}/tasks/{upid}/status": aboutTask("Sys.Audit"),
  "GET /nodes/{node}/tasks/{upid}/log": aboutTask("Sys.Audit"),
  "DELETE /nodes/{node}/tasks/{upid}": aboutTask("Sys.Modify"),
  "GET /admin/datastore": listOf([below("/datastore/store1", ...VISIBLE)], "store1"),
  "GET /admin/datastore/{store}/status": gated([below("/datastore/store1", ...VISIBLE)]),
  "GET /admin/datastore/{store}/namespace": gated([below(PLACE, ...VISIBLE)], { parent: "a" }),
  "POST /admin/datastore/{store}/namespace": gated([on(PLACE, "Datastore.Modify")], {
    parent: "a",
    name: "new",
  }),
  "DELETE /admin/datastore/{store}/namespace": gated([on(PLACE, "Datastore.Modify")], {
    ns: "a/c",
  }),
  "GET /admin/datastore/{store}/groups": {
    ...content([on(PLACE, "Datastore.Audit")], [on(PLACE, "Datastore.Backup")]),
    nonOwner: { hides: '"theirs"' },
  },
  "GET /admin/datastore/{store}/snapshots": {
    ...content([on(PLACE, "Datastore.Audit")], [on(PLACE, "Datastore.Backup")]),
    nonOwner: { hides: '"theirs"' },
    parameters: () => ({ ns: "a" }),
  },
  "POST /admin/datastore/{store}/prune-datastore": {
    ...content([on(PLACE, "Datastore.Modify")], [on(PLACE, "Datastore.Prune")]),
    nonOwner: "nothing done",
    parameters: () => ({ ns: "a", "keep-last": 1 }),
  },
  "POST /admin/datastore/{store}/change-owner": {
    ...content([on(PLACE, "Datastore.Modify")], [on(PLACE, "Datastore.Backup")]),
    as: "user",
    parameters: (caller) => ({
      ...groupOf(caller),
      "new-owner": caller.kind === "owner" ? `${caller.authId}!tok` : VICTIM,
    }),
  },
  "GET /status/datastore-usage": listOf(
    [on("/datastore/store1", "Datastore.Audit", "Datastore.Backup")],
    '"total":',
  ),
  "GET /admin/gc": listOf([on("/datastore/store1", "Datastore.Audit")], "store1"),
  "GET /admin/gc/{store}": listOf([on("/datastore/store1", "Datastore.Audit")], "store1"),
  "GET /admin/prune": listOf([on(PLACE, "Datastore.Audit", "Datastore.Modify")], "job-1"),
  "POST /admin/prune/{id}/run": gated([on(PLACE, "Datastore.Modify")], job),
  "GET /admin/verify": listOf([on(PLACE, "Datastore.Audit", "Datastore.Verify")], "job-1"),
  "POST /admin/verify/{id}/run": gated([on(PLACE, "Datastore.Verify")], job),
  "GET /admin/sync": listOf(seesSync, "job-1"),
  "POST /admin/sync/{id}/run": gated(syncNeeds, job),
  "GET /config/datastore": listOf([on("/datastore/store1", "Datastore.Audit")], "store1"),
  "GET /config/prune": listOf([on(PLACE, "Datastore.Audit", "Datastore.Modify")], "job-1"),
  "GET /config/prune/{id}": gated([on(PLACE, "Datastore.Audit", "Datastore.Modify")], job),
  "POST /config/prune": gated([on(PLACE, "Datastore.Modify")], newJob),
  "PUT /config/prune/{id}": gated([on(PLACE, "Datastore.Modify")], { ...job, comment: "x" }),
  "DELETE /config/prune/{id}": gated([on(PLACE, "Datastore.Modify")], job),
  "GET /config/verify": listOf([on(PLACE, "Datastore.Audit", "Datastore.Verify")], "job-1"),
  "GET /config/verify/{id}": gated([on(PLACE, "Datastore.Audit", "Datastore.Verify")], job),
  "POST /config/verify": gated([on(PLACE, "Datastore.Verify")], newJob),
  "PUT /config/verify/{id}": gated([on(PLACE, "Datastore.Verify")], { ...job, comment: "x" }),
  "DELETE /config/verify/{id}": gated([on(PLACE, "Datastore.Verify")], job),
  "GET /config/sync": listOf(seesSync, "job-1"),
  "GET /config/sync/{id}": gated(seesSync, job),
  "POST /config/sync": gated([...syncNeeds, on(PLACE, "Datastore.Prune")], {
    ...newJob,
    ...syncJob,
  }),
  "PUT /config/sync/{id}": gated(syncNeeds, { ...job, comment: "x" }),
  "DELETE /config/sync/{id}": gated(syncNeeds, job),
  "GET /config/remote": listOf([on("/remote/there", "Remote.Audit")], '"there"'),
  "GET /config/remote/{name}": gated([on("/remote/there", "Remote.Audit")]),
  "GET /amber/overdue": listOf([on(PLACE, "Datastore.Audit")], '"theirs"'),
  "GET /amber/metrics": listOf([on("/datastore/store1", "Datastore.Audit")], "store1"),
  "POST /pull": gated(
    [
      on(PLACE, "Datastore.Backup"),
      on(PLACE, "Datastore.Prune"),
      on("/remote/there/tank", "Remote.Read"),
    ],
    { ...syncJob, ns: "a" },
  ),
};

/** Keys of the rules that were written down by hand: `METHOD /path`. */
export const writtenRules: readonly string[] = Object.keys(written);

/**
 * The rule of a route: from its declaration, or from the table above.
 *
 * @returns `undefined` when there is none; `open` for routes that every login, or the world, may call.
 */
export function accessRuleOf(route: RouteDescription): AccessRule | "open" | undefined {
  const row = written[`${route.method} ${route.path}`];
  const { permit } = route;
  switch (permit.kind) {
    case "world":
    case "login":
      return "open";
    case "privileges":
      return gated([{ path: filledPath(permit.path), anyOf: permit.anyOf }]);
    case "content":
      return row ?? contentRule(permit.access.full, permit.access.own);
    case "inside":
      return row;
  }
}

/** Values for placeholders in paths that no rule gives others. */
export const usualNames: Readonly<Record<string, string>> = {
  store: "store1",
  name: "there",
  node: "localhost",
};

function filledPath(template: string): string {
  return template.replaceAll(/\{([^}]+)\}/g, (_, name: string) => usualNames[name] ?? "sample");
}

function contentRule(full: readonly Privilege[], own: readonly Privilege[]): AccessRule {
  return content(
    full.length > 0 ? [on(PLACE, ...full)] : undefined,
    own.length > 0 ? [on(PLACE, ...own)] : undefined,
  );
}

function content(full: readonly Need[] | undefined, own: readonly Need[] | undefined): AccessRule {
  return { full, ...(own ? { own } : {}), otherwise: "refused", parameters: groupOf };
}

function groupOf({ kind, mine }: Parameters<ParametersFor>[0]): Record<string, unknown> {
  return {
    ns: "a",
    "backup-type": "host",
    "backup-id": kind === "owner" ? mine : "theirs",
    "backup-time": SNAPSHOT_TIMES[0],
  };
}

/** Times of the snapshots that every group has. */
export const SNAPSHOT_TIMES: readonly [number, number] = [1_717_597_476, 1_717_597_477];

/** Whether a set of privileges contains one of some. */
export function hasOneOf(set: number, anyOf: readonly Privilege[]): boolean {
  return (set & privilegeSet(...anyOf)) !== 0;
}
