import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiPath, apiSend } from "./api-call.ts";

/** A token of a user. */
export interface TokenItem {
  readonly tokenid: string;
  readonly enable?: boolean;
  readonly expire?: number;
  readonly comment?: string;
}

/** A user as the server lists it. */
export interface UserItem {
  readonly userid: string;
  readonly enable?: boolean;
  readonly expire?: number;
  readonly comment?: string;
  readonly firstname?: string;
  readonly lastname?: string;
  readonly email?: string;
  readonly tokens?: readonly TokenItem[];
  /** Whether wrong codes have locked the codes, or everything for a while. */
  readonly "totp-locked"?: boolean;
  readonly "tfa-locked-until"?: number;
}

/** Users with their tokens, as far as the caller may see them. */
export const usersQuery = queryOptions({
  queryKey: ["access", "users"],
  queryFn: async () => await apiGet<readonly UserItem[]>("/access/users", { include_tokens: true }),
});

/** Everything that can own a group or have a role: users and tokens. */
export function authIdsOf(users: readonly UserItem[]): readonly string[] {
  return users.flatMap(({ userid, tokens }) => [
    userid,
    ...(tokens ?? []).map(({ tokenid }) => tokenid),
  ]);
}

/** Makes a user of the realm pbs, or makes one of another realm known. */
export async function createUser(user: {
  readonly userid: string;
  readonly password: string | undefined;
  readonly comment: string | undefined;
}): Promise<void> {
  await apiSend("POST", "/access/users", user);
}

/** Lets a user log in, or not. */
export async function setUserEnabled(userid: string, state: "enabled" | "disabled"): Promise<void> {
  await apiSend("PUT", apiPath`/access/users/${userid}`, { enable: state === "enabled" });
}

/** Removes a user with all its tokens. */
export async function removeUser(userid: string): Promise<void> {
  await apiSend("DELETE", apiPath`/access/users/${userid}`);
}

/** Gives a user another password; the caller proves itself by its own where the server asks for it. */
export async function setPassword(
  userid: string,
  password: string,
  ownPassword: string | undefined,
): Promise<void> {
  await apiSend("PUT", "/access/password", {
    userid,
    password,
    "confirmation-password": ownPassword,
  });
}

/** Makes a token; its secret is given this once. */
export async function createToken(
  userid: string,
  name: string,
  comment: string | undefined,
): Promise<{ readonly tokenid: string; readonly value: string }> {
  return await apiSend("POST", apiPath`/access/users/${userid}/token/${name}`, { comment });
}

/** Removes a token. */
export async function removeToken(tokenid: string): Promise<void> {
  const [userid = "", name = ""] = tokenid.split("!");
  await apiSend("DELETE", apiPath`/access/users/${userid}/token/${name}`);
}
