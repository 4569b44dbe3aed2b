/**
 * Keys that wait to be looked at. A key added twice is looked at once; work runs in later turns of the event loop, a few
 * at a time, so that requests are served in between.
 */
export class Worklist {
  readonly #keys = new Set<string>();
  readonly #work: (key: string) => void;
  readonly #failed: (key: string, error: unknown) => void;
  #scheduled: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(work: (key: string) => void, failed: (key: string, error: unknown) => void) {
    this.#work = work;
    this.#failed = failed;
  }

  add(key: string): void {
    this.#keys.add(key);
    if (!this.#scheduled && !this.#stopped) this.#scheduled = setImmediate(() => this.#run());
  }

  stop(): void {
    this.#stopped = true;
    if (this.#scheduled) clearImmediate(this.#scheduled);
  }

  #run(): void {
    this.#scheduled = undefined;
    let budget = 100;
    for (const key of this.#keys) {
      this.#keys.delete(key);
      try {
        this.#work(key);
      } catch (error) {
        this.#failed(key, error);
      }
      if (--budget === 0) break;
    }
    if (this.#keys.size > 0 && !this.#stopped) this.#scheduled = setImmediate(() => this.#run());
  }
}
