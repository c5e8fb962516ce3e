import { type QueryKey, useQueryClient } from "@tanstack/react-query";

/** Gives a function that reads everything again whose key begins so: after a change. */
export function useRefresh(): (...keys: readonly QueryKey[]) => Promise<void> {
  const client = useQueryClient();
  return async (...keys) => {
    await Promise.all(
      keys.map(async (queryKey) => {
        await client.invalidateQueries({ queryKey });
      }),
    );
  };
}
