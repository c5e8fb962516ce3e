/** Runs steps of one key one after another, in the order of the calls; steps of different keys overlap. */
export class KeyedTurns<Key> {
  readonly #last = new Map<Key, Promise<unknown>>();

  /** Runs `step` when all earlier steps of the key have ended, however they ended. */
  async run<T>(key: Key, step: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const turn = before ? before.then(step, step) : step();
    this.#last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    }
  }
}
