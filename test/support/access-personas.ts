import { createHash } from "node:crypto";

import { roles } from "../../src/server/auth/privileges.ts";
import { hasOneOf, type AccessRule, type Need, type Otherwise } from "./access-rules.ts";

/** A role on a path for one authid. */
export interface Assignment {
  readonly path: string;
  readonly role: string;
  readonly propagate: boolean;
}

/** One caller for one route: what it was given, and what it must get. */
export interface Persona {
  /** In words, for messages. */
  readonly title: string;
  readonly user: string;
  readonly login: "user" | "token";
  readonly ofUser: readonly Assignment[];
  readonly ofToken: readonly Assignment[];
  readonly kind: "owner" | "other";
  readonly expected: "allowed" | Otherwise;
}

/** Paths on which somebody may have every privilege without having any where it counts. */
const ELSEWHERE = [
  "/access/domains",
  "/access/openid",
  "/datastore/elsewhere",
  "/datastore/store1/b",
  "/datastore/store1/a/c",
  "/remote/elsewhere",
  "/remote/there/tank",
  "/system/log",
  "/system/disks",
  "/tape",
];

/** Name of the user that tries a route as the owner; tasks of its have to be there before the server starts. */
export function ownerName(route: string): string {
  return userName(route, "owner");
}

/** Every caller that a rule tells apart, the ones that are refused first. */
export function personasOf(route: string, rule: AccessRule): readonly Persona[] {
  const { full, own, otherwise } = rule;
  const personas: Persona[] = [];
  const add = (
    title: string,
    given: Partial<Pick<Persona, "ofUser" | "ofToken" | "kind" | "login">> & {
      readonly both?: readonly Assignment[];
    },
    expected: Persona["expected"],
  ): void => {
    const both = given.both ?? [];
    personas.push({
      title,
      user: userName(route, title),
      login: given.login ?? rule.as ?? "token",
      ofUser: given.ofUser ?? both,
      ofToken: given.ofToken ?? both,
      kind: given.kind ?? "other",
      expected,
    });
  };
  const needs = [...(full ?? []), ...(own ?? [])];
  const admin = [assignment("/", "Admin")];
  const wrong = wrongRoles(needs);
  add("no role at all", {}, otherwise);
  if (needs.length > 0) add("every other role on the path", { both: wrong }, otherwise);
  add("every role on other paths", { both: elsewhere(needs) }, otherwise);
  add(
    "a token without the privilege",
    { ofUser: admin, ofToken: wrong, login: "token" },
    otherwise,
  );
  add("a token of a user without it", { ofUser: wrong, ofToken: admin, login: "token" }, otherwise);
  add("no access", { both: [...admin, ...noAccess(needs)] }, otherwise);
  if (full) {
    for (const need of full.length > 1 ? full : []) {
      const both = allBut(need, full);
      if (both) add(`without ${need.anyOf.join("|")}`, { both }, otherwise);
    }
    const choices = Math.max(...full.map(({ anyOf }) => anyOf.length), 0);
    for (let choice = 0; choice < choices; choice += 1) {
      const both = full.flatMap((need) => rightRole(need, choice));
      const names = full.map(({ anyOf }) => anyOf[choice] ?? anyOf[0]).join(" and ");
      add(names, { both }, "allowed");
    }
  } else add("everything, of somebody else's", { both: admin }, otherwise);
  if (own) {
    const both = own.flatMap((need) => ownRoles(need, full ?? []));
    if (own.length > 0) add("non-owner", { both }, rule.nonOwner ?? otherwise);
    if (own.length > 0 || rule.otherwise === "refused") {
      add("owner", { both, kind: "owner" }, "allowed");
    }
  }
  return personas;
}

function userName(route: string, title: string): string {
  return `${createHash("sha256").update(`${route} ${title}`).digest("hex").slice(0, 16)}@pbs`;
}

function assignment(path: string, role: string, propagate = true): Assignment {
  return { path, role, propagate };
}

const names = Object.keys(roles).filter((name) => name !== "NoAccess" && name !== "Admin");

function privilegesOf(role: string): number {
  return roles[role]?.privileges ?? 0;
}

/** On each path, every role that has nothing of what is needed there. */
function wrongRoles(needs: readonly Need[]): readonly Assignment[] {
  return [...new Set(needs.map(({ path }) => path))].flatMap((path) => {
    const anyOf = needs.filter((need) => need.path === path).flatMap((need) => need.anyOf);
    return names
      .filter((role) => !hasOneOf(privilegesOf(role), anyOf))
      .map((role) => assignment(path, role));
  });
}

/** Admin on everything that is neither a path that counts nor above one. */
function elsewhere(needs: readonly Need[]): readonly Assignment[] {
  const counts = (path: string): boolean =>
    needs.some(
      (need) =>
        need.path === path ||
        need.path.startsWith(`${path}/`) ||
        (need.below === true && path.startsWith(`${need.path}/`)),
    );
  return ELSEWHERE.filter((path) => !counts(path)).map((path) => assignment(path, "Admin"));
}

/** The smallest role with a privilege; on the path itself, without what lies below. */
function rightRole(need: Need, choice: number): readonly Assignment[] {
  const privilege = need.anyOf[choice] ?? need.anyOf[0];
  if (privilege === undefined) return [];
  const sizeOf = (role: string): number =>
    privilegesOf(role).toString(2).replaceAll("0", "").length;
  const [role = "Admin"] = names
    .filter((name) => hasOneOf(privilegesOf(name), [privilege]))
    .sort((a, b) => sizeOf(a) - sizeOf(b));
  return [assignment(need.path, role, false)];
}

/** Roles for all needs but one; `undefined` when every role for another one brings it along. */
function allBut(need: Need, needs: readonly Need[]): readonly Assignment[] | undefined {
  const wrong = wrongRoles([need]);
  for (const other of needs) {
    if (other === need || other.path !== need.path) continue;
    if (!wrong.some(({ role }) => hasOneOf(privilegesOf(role), other.anyOf))) return undefined;
  }
  const elsewhere = needs.filter(({ path }) => path !== need.path);
  return [...wrong, ...elsewhere.flatMap((each) => rightRole(each, 0))];
}

/** Roles with a privilege for one's own, and with none for that of others. */
function ownRoles(need: Need, full: readonly Need[]): readonly Assignment[] {
  const forbidden = full.filter(({ path }) => path === need.path).flatMap(({ anyOf }) => anyOf);
  return names
    .filter((role) => hasOneOf(privilegesOf(role), need.anyOf))
    .filter((role) => !hasOneOf(privilegesOf(role), forbidden))
    .map((role) => assignment(need.path, role));
}

function noAccess(needs: readonly Need[]): readonly Assignment[] {
  return needs.map(({ path }) => assignment(path, "NoAccess"));
}
