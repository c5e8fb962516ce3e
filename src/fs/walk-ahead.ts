/** Directories that are remembered as being still to come. */
const COMING_MAX = 4096;

/**
 * Guesses which directory is listed next: whoever walks a tree goes into a directory's own first, in their order, and
 * then on to what comes behind it.
 *
 * Says nothing until a guess has come true, and nothing after one that has not, so that nobody works ahead for those who
 * do not walk.
 */
export class WalkAhead {
  /** Directories to come, the next one last. */
  #coming: number[] = [];
  #isRight = false;

  /** Notes that a directory was listed, with the directories in it, in order. */
  listed(ino: number, directories: readonly number[]): void {
    this.#isRight = this.#coming.at(-1) === ino;
    if (this.#isRight) this.#coming.pop();
    else this.#coming = [];
    for (let i = Math.min(directories.length, COMING_MAX) - 1; i >= 0; i--) {
      this.#coming.push(directories[i] ?? 0);
    }
    if (this.#coming.length > COMING_MAX) this.#coming = this.#coming.slice(-COMING_MAX);
  }

  /** The directory that is likely to be listed next. */
  get next(): number | undefined {
    return this.#isRight ? this.#coming.at(-1) : undefined;
  }

  /** Takes back the guess, because it cannot be used. */
  giveUp(): void {
    this.#isRight = false;
  }
}
