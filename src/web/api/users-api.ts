import { queryOptions } from "@tanstack/react-query";

import { apiGet } from "./api-call.ts";

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
