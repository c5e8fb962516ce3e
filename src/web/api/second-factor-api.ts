import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiPath, apiSend } from "./api-call.ts";

/** A second factor of a user. */
export interface FactorItem {
  readonly id: string;
  /** `totp`, `recovery`, or a kind that only the genuine server knows. */
  readonly type: string;
  readonly description: string;
  readonly created: number;
  readonly enable: boolean;
}

/** Whose factor, and the caller's own password once more where the server wants it. */
export interface FactorProof {
  readonly userid: string;
  readonly password: string | undefined;
}

/** Second factors of a user. */
export const secondFactorsQuery = (userid: string) =>
  queryOptions({
    queryKey: ["access", "tfa", userid],
    queryFn: async () => await apiGet<readonly FactorItem[]>(apiPath`/access/tfa/${userid}`),
  });

/** Adds a generator of codes; a code of it proves that it works. */
export async function addTotp(
  { userid, password }: FactorProof,
  generator: { readonly address: string; readonly code: string; readonly description: string },
): Promise<void> {
  await apiSend("POST", apiPath`/access/tfa/${userid}`, {
    type: "totp",
    totp: generator.address,
    value: generator.code,
    description: generator.description,
    password,
  });
}

/** Makes recovery keys; they are given this once. */
export async function addRecoveryKeys({
  userid,
  password,
}: FactorProof): Promise<readonly string[]> {
  const made = await apiSend<{ readonly recovery?: readonly string[] }>(
    "POST",
    apiPath`/access/tfa/${userid}`,
    { type: "recovery", password },
  );
  return made.recovery ?? [];
}

/** Lets a generator of codes count, or not. */
export async function setFactorEnabled(
  { userid, password }: FactorProof,
  id: string,
  state: "enabled" | "disabled",
): Promise<void> {
  const enable = state === "enabled";
  await apiSend("PUT", apiPath`/access/tfa/${userid}/${id}`, { enable, password });
}

/** Removes a factor. */
export async function removeFactor({ userid, password }: FactorProof, id: string): Promise<void> {
  await apiSend("DELETE", apiPath`/access/tfa/${userid}/${id}`, { password });
}

/** Takes the locks away that wrong codes have put on a user. */
export async function unlockFactors(userid: string): Promise<void> {
  await apiSend("PUT", apiPath`/access/users/${userid}/unlock-tfa`);
}
