/** The time after which the status says that a reconcile is under way: progress.ts. */
const slowAfterMs = 5_000;

/**
 * What an object is before and after a reconcile that has nothing to say. One that takes long says so in the status: on a
 * machine that stalls it is done again.
 */
export async function undisturbed<T>(first: T, again: () => Promise<T>): Promise<[before: T, after: T]> {
  for (let before = first; ; ) {
    const begun = performance.now();
    const after = await again();
    if (performance.now() - begun < slowAfterMs) return [before, after];
    before = after;
  }
}
