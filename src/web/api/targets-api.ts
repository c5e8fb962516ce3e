import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiPath, apiSend } from "./api-call.ts";

/** Kinds of targets that notifications are sent to. */
export const targetTypes = ["smtp", "sendmail", "gotify", "webhook"] as const;

/** One of {@link targetTypes}. */
export type TargetType = (typeof targetTypes)[number];

/** Somewhere that notifications are sent to. */
export interface TargetItem {
  readonly name: string;
  readonly type: TargetType;
  /** `user-created`, `builtin` or `modified-builtin`. */
  readonly origin: string;
  readonly comment?: string;
  readonly disable?: boolean;
}

/** Settings of a target, those of its kind. */
export interface TargetConfig {
  readonly name: string;
  readonly comment?: string;
  readonly disable?: boolean;
  readonly server?: string;
  readonly port?: number;
  readonly mode?: string;
  readonly username?: string;
  readonly mailto?: readonly string[];
  readonly "mailto-user"?: readonly string[];
  readonly "from-address"?: string;
  readonly author?: string;
  readonly url?: string;
  readonly method?: string;
  readonly header?: readonly string[];
  /** Base64. */
  readonly body?: string;
  readonly secret?: readonly string[];
}

/** Which notifications go to which targets. */
export interface MatcherItem {
  readonly name: string;
  readonly origin?: string;
  readonly comment?: string;
  readonly disable?: boolean;
  readonly mode?: string;
  readonly "invert-match"?: boolean;
  readonly "match-field"?: readonly string[];
  readonly "match-severity"?: readonly string[];
  readonly "match-calendar"?: readonly string[];
  readonly target?: readonly string[];
}

/** Every target, of all kinds. */
export const targetsQuery = queryOptions({
  queryKey: ["notifications", "targets"],
  queryFn: async () => await apiGet<readonly TargetItem[]>("/config/notifications/targets"),
});

/** Settings of one target; secrets are never among them. */
export const targetQuery = ({ type, name }: Pick<TargetItem, "type" | "name">) =>
  queryOptions({
    queryKey: ["notifications", "targets", type, name],
    queryFn: async () =>
      await apiGet<TargetConfig>(apiPath`/config/notifications/endpoints/${type}/${name}`),
  });

/** Every matcher. */
export const matchersQuery = queryOptions({
  queryKey: ["notifications", "matchers"],
  queryFn: async () => await apiGet<readonly MatcherItem[]>("/config/notifications/matchers"),
});

/**
 * Sends a notification to a target.
 *
 * @throws {ApiFailure} When it did not go out, in the words of whoever refused it.
 */
export async function testTarget(name: string): Promise<void> {
  await apiSend("POST", apiPath`/config/notifications/targets/${name}/test`);
}
