import { serialize } from "node:v8";

/** A need that has been posted and not yet answered. */
export interface OpenNeed {
  /** Number under which the answer will come. */
  readonly id: number;
  /** Equal for needs whose structured clones are equal. */
  readonly key: string;
  readonly need: unknown;
}

/** Keeps which needs of a file system have been posted and not yet answered, so that each is posted once. */
export class NeedBook {
  readonly #post: (id: number, need: unknown) => void;
  readonly #byKey = new Map<string, OpenNeed>();
  readonly #byId = new Map<number, OpenNeed>();
  #lastId = 0;

  /** Starts empty; `post` is called once for every need that is not under way already. */
  constructor(post: (id: number, need: unknown) => void) {
    this.#post = post;
  }

  /** Asks for something, unless it is being fetched already. */
  want(need: unknown): OpenNeed {
    const key = keyOf(need);
    const known = this.#byKey.get(key);
    if (known) return known;
    const open: OpenNeed = { id: ++this.#lastId, key, need };
    this.#byKey.set(key, open);
    this.#byId.set(open.id, open);
    this.#post(open.id, need);
    return open;
  }

  /** Strikes out an answered need and returns it; `undefined` for a number that is not open. */
  settle(id: number): OpenNeed | undefined {
    const open = this.#byId.get(id);
    if (!open) return undefined;
    this.#byId.delete(id);
    this.#byKey.delete(open.key);
    return open;
  }
}

function keyOf(need: unknown): string {
  if (typeof need === "string") return `s${need}`;
  if (typeof need === "number") return `n${need}`;
  return `v${serialize(need).toString("latin1")}`;
}
