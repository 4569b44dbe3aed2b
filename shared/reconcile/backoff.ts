/** Flux's defaults of --min-retry-delay and --max-retry-delay. */
const minRetryMs = 750;
const maxRetryMs = 15 * 60_000;

/** Exponential: how long to wait after the `attempt`-th failure in a row (1 is the first). */
export function backoffMs(attempt: number): number {
  return Math.min(maxRetryMs, minRetryMs * 2 ** Math.min(Math.max(attempt, 1) - 1, 30));
}

/** Flux's default of --interval-jitter-percentage. */
const jitterShare = 0.05;

/** An interval with up to 5% more or less, so that objects of one interval do not come due together. `random` is in [0, 1). */
export function jittered(intervalMs: number, random: () => number): number {
  return intervalMs * (1 + jitterShare * (2 * random() - 1));
}
