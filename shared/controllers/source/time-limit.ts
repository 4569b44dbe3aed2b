/** Ends what takes longer than a spec allows, part by part: each part has the whole time. */
export class TimeLimit {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  /** Aborted with the part's own error, or as the signal that was given. */
  readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = AbortSignal.any([signal, this.#controller.signal]);
  }

  /** Begins a part, which ends with `error` after `ms`. */
  start(ms: number, error: Error): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(error), ms);
  }

  /** No part is under way. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}
