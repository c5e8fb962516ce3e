import type { ApiMethod } from "../../client/session/rest-client.ts";
import type { ManagerOption } from "./manager-options.ts";

/** How the answer of a call is printed as text; JSON is always the answer itself. */
export type ManagerResult =
  /** Nothing, when all went well. */
  | "nothing"
  /** Names and values of one entry, one below the other. */
  | "entry"
  /** The log of the task that the call started. */
  | "task"
  /** The log of a task that was there before, until it ends. */
  | "log"
  /** `Result: ` and the answer as JSON, as the official program shows new secrets. */
  | "result"
  /** One line for each certificate's property; scripts look for the fingerprint (spec client-cli.md §6). */
  | "certificates"
  /** Privileges by path. */
  | "permissions"
  /** A table of these members. */
  | { readonly columns: readonly string[] };

/** One command: a call of the API, and what is made of its answer. */
export interface ManagerCommand {
  /** Below `amber manager`: `user create`. */
  readonly names: string;
  readonly description: string;
  readonly method: ApiMethod;
  /** Below the root of the API; `{name}` stands for an argument. */
  readonly path: string;
  /** Parameters that are given by position; those that are not in the path go with the others. */
  readonly args?: readonly string[];
  /** Parameters that are options. */
  readonly options?: readonly ManagerOption[];
  /** Parameters that are always the same. */
  readonly fixed?: Readonly<Record<string, string | number | boolean>>;
  readonly result: ManagerResult;
}
