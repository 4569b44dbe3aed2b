/** So many at a time; the others wait their turn. */
export class Slots {
  readonly #waiting: (() => void)[] = [];
  #left: number;

  constructor(count: number) {
    this.#left = count;
  }

  /** Resolves when one is free, which is then taken. */
  async take(): Promise<void> {
    if (this.#left > 0) this.#left--;
    else await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  free(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#left++;
  }
}
