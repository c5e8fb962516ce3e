import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { type AuthKeys } from "../../src/server/auth/authenticator.ts";
import { hashPassword } from "../../src/server/auth/password-hash.ts";
import { type RouteDescription } from "../../src/server/http/route.ts";
import { type Assignment, type Persona } from "./access-personas.ts";
import { SNAPSHOT_TIMES, taskOf, VICTIM, VICTIM_TASK, writtenRules } from "./access-rules.ts";
import { loginHeaders } from "./login-headers.ts";
import { miniStore } from "./mini-snapshots.ts";
import { type RawAnswer, rawCall } from "./raw-client.ts";

/** Secret of every token here. */
const SECRET = "00000000-0000-4000-8000-000000000000";

/** Password of every user here. */
const PASSWORD = "the-password";

/** Files of the configuration that rules refer to. */
export const worldConfig: Readonly<Record<string, string>> = {
  "tfa.json": JSON.stringify({
    users: {
      [VICTIM]: {
        totp: [{ info: { id: "totp-1", description: "", created: 1 }, entry: "otpauth://" }],
      },
    },
  }),
  "overdue.cfg": "rule: rule-1\n\thours 1\n",
  "prune.cfg": "prune: job-1\n\tstore store1\n\tns a\n\tschedule daily\n",
  "verification.cfg": "verification: job-1\n\tstore store1\n\tns a\n\tschedule daily\n",
  "sync.cfg":
    "sync: job-1\n\tstore store1\n\tns a\n\tremote there\n\tremote-store tank\n\tschedule daily\n",
  "remote.cfg": `remote: there\n\thost 127.0.0.1\n\tport 1\n\tauth-id a@pbs\n\tpassword ${Buffer.from("x").toString("base64")}\n`,
};

/** Lines of the archive of tasks: one of {@link VICTIM}, one of each owner. */
export function worldTasks(owners: readonly string[], index: number): string {
  const ids = [taskOf(VICTIM, VICTIM_TASK)];
  for (const owner of owners) ids.push(taskOf(owner, index), taskOf(`${owner}!tok`, index));
  return ids.map((upid) => `${upid} 6B001A98 OK\n`).join("");
}

/** Writes users, tokens, roles and a group for everybody who tries a route. */
export async function writeWorld(
  { configPath, storePath }: { readonly configPath: string; readonly storePath: string },
  personas: readonly Persona[],
): Promise<void> {
  const users = [...new Set([VICTIM, ...personas.map(({ user }) => user)])];
  const config = async (name: string): Promise<string> =>
    await readFile(join(configPath, name), "utf8");
  const sections = users.map((user) => `user: ${user}\n\ntoken: ${user}!tok\n`);
  await writeFile(
    join(configPath, "user.cfg"),
    `${await config("user.cfg")}\n${sections.join("\n")}`,
  );
  const lines = personas.flatMap((persona) => [
    ...persona.ofUser.map((each) => aclLine(persona.user, each)),
    ...persona.ofToken.map((each) => aclLine(`${persona.user}!tok`, each)),
  ]);
  lines.push(`acl:1:/datastore/marker:${VICTIM}!tok:Audit`);
  await writeFile(join(configPath, "acl.cfg"), `${await config("acl.cfg")}${lines.join("\n")}\n`);
  const hash = `$amber-sha256$${createHash("sha256").update(SECRET).digest("hex")}`;
  const secrets = JSON.parse(await config("token.shadow")) as Record<string, string>;
  for (const user of users) secrets[`${user}!tok`] = hash;
  await writeFile(join(configPath, "token.shadow"), JSON.stringify(secrets));
  const passwords = JSON.parse(await config("shadow.json")) as Record<string, string>;
  const ofAll = await hashPassword(PASSWORD);
  for (const user of users) passwords[user.replace(/@pbs$/, "")] = ofAll;
  await writeFile(join(configPath, "shadow.json"), JSON.stringify(passwords));
  const namespace = join(storePath, "ns/a");
  await mkdir(join(namespace, "ns/c"), { recursive: true });
  await mkdir(join(storePath, "ns/b"), { recursive: true });
  await addGroup(namespace, "theirs", VICTIM);
  for (const persona of personas.filter(({ kind }) => kind === "owner")) {
    await addGroup(namespace, groupName(persona), authIdOf(persona));
  }
}

/** What a persona calls as. */
export function authIdOf({ user, login }: Persona): string {
  return login === "user" ? user : `${user}!tok`;
}

/** Name of the group of an owner. */
export function groupName({ user }: Persona): string {
  return user.replace(/@pbs$/, "");
}

/** Every file of some folders with the digest of its content. */
export async function worldState(...folders: readonly string[]): Promise<readonly string[]> {
  const state: string[] = [];
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const content = entry.isFile() ? await readFile(path) : "";
      state.push(`${path} ${createHash("sha256").update(content).digest("hex")}`);
    }
  }
  return state.sort();
}

/** Calls a route with values for its parameters; only those that it knows, and some for what it needs besides. */
export async function callRoute(
  port: number,
  route: RouteDescription,
  given: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>>,
): Promise<RawAnswer> {
  const { method, path, parameters } = route;
  const required = new Set<string>(parameters.required);
  let url = path;
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(parameters.properties)) {
    const isInPath = path.includes(`{${name}}`);
    const sample = samples[name] ?? sampleOf(schema);
    const value = given[name] ?? (isInPath || required.has(name) ? sample : undefined);
    if (isInPath) url = url.replace(`{${name}}`, encodeURIComponent(String(value)));
    else if (value !== undefined) values[name] = value;
  }
  const inBody = (method === "POST" || method === "PUT") && route.body === "parameters";
  const query = inBody ? "" : `?${new URLSearchParams(textsOf(values)).toString()}`;
  return await rawCall(port, `${method} /api2/json${url}${query}`, {
    headers: {
      ...headers,
      ...(inBody ? { "content-type": "application/json" } : {}),
      ...upgradeOf(path),
    },
    ...(inBody ? { body: JSON.stringify(values) } : {}),
  });
}

function upgradeOf(path: string): Readonly<Record<string, string>> {
  if (path !== "/backup" && path !== "/reader") return {};
  return {
    connection: "upgrade",
    upgrade: `proxmox-backup-${path === "/backup" ? "" : "reader-"}protocol-v1`,
  };
}

/** Headers with which a persona calls. */
export function headersOf(persona: Persona, keys: AuthKeys): Readonly<Record<string, string>> {
  if (persona.login === "token") {
    return { authorization: `PBSAPIToken=${persona.user}!tok:${SECRET}` };
  }
  return loginHeaders(persona.user, keys);
}

/** Values that fit the patterns of parameters that rules say nothing about. */
const samples: Readonly<Record<string, unknown>> = {
  store: "store1",
  name: "there",
  node: "localhost",
  "backup-type": "host",
  "backup-id": "sample",
  "backup-time": SNAPSHOT_TIMES[0],
  "file-name": "index.json.blob",
  "auth-id": VICTIM,
  "new-owner": VICTIM,
  userid: VICTIM,
  username: VICTIM,
  path: "/",
  role: "Audit",
  password: PASSWORD,
  schedule: "daily",
  filepath: "/",
  upid: taskOf(VICTIM, VICTIM_TASK),
};

function sampleOf(schema: object): unknown {
  const {
    type,
    enum: choices,
    minimum,
  } = schema as { type?: string; enum?: unknown[]; minimum?: number };
  if (choices) return choices[0];
  if (type === "integer" || type === "number") return minimum ?? 1;
  if (type === "array") return [];
  return type === "boolean" ? true : "sample";
}

function textsOf(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}

function aclLine(authId: string, { path, role, propagate }: Assignment): string {
  return `acl:${propagate ? 1 : 0}:${path}:${authId}:${role}`;
}

async function addGroup(namespace: string, id: string, owner: string): Promise<void> {
  const folder = join(namespace, "host", id);
  for (const timeSec of SNAPSHOT_TIMES) {
    const name = new Date(timeSec * 1000).toISOString().replace(".000Z", "Z");
    const manifest = new URL("host/golden-plain/2024-06-05T14:24:36Z/index.json.blob", miniStore);
    await cp(manifest, join(folder, name, "index.json.blob"));
  }
  await writeFile(join(folder, "owner"), `${owner}\n`);
}

/** Routes that a rule was written for, and which do not exist. */
export function forgottenRules(routes: readonly RouteDescription[]): readonly string[] {
  const present = new Set(routes.map(({ method, path }) => `${method} ${path}`));
  return writtenRules.filter((name) => !present.has(name));
}
