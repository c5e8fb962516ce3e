import { useSyncExternalStore } from "react";

/** Where in the page we are: the parts of `#/a/b?c=d`, decoded. */
export interface HashRoute {
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

/** Takes the part of an address behind `#` apart; what cannot be decoded stays as it is. */
export function parseHash(hash: string): HashRoute {
  const text = hash.replace(/^#?\/?/, "");
  const queryStart = text.indexOf("?");
  const path = queryStart < 0 ? text : text.slice(0, queryStart);
  const query = queryStart < 0 ? "" : text.slice(queryStart + 1);
  return {
    path: path
      .split("/")
      .filter((part) => part !== "")
      .map(decoded),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** The address of a place in the page; values of the query that are empty are left out. */
export function hashTo(
  path: readonly string[],
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") given.set(name, value);
  }
  const text = given.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text === "" ? "" : `?${text}`}`;
}

/** Goes to a place; `replace` leaves the present one out of the history. */
export function goTo(hash: string, history: "push" | "replace" = "push"): void {
  if (history === "push") location.hash = hash;
  else location.replace(hash);
}

/** The present place, for components that follow it. */
export function useHashRoute(): HashRoute {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return parseHash(hash);
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => {
    removeEventListener("hashchange", listener);
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
