/**
 * How the invocations of a function are shared between the clusters whose messages wait. A lane is what one cluster's
 * message groups have in common.
 */

/** Invocations that every lane may have, even when others hold all there are: so nobody waits for a stranger's storm. */
export const guaranteed = 2;

/** The lane of a message group: the cluster for work items and events (`event/<cluster>/…`), else the first part. */
export function laneOf(queue: string, group: string): string {
  // A timer only forwards its message; what it is about does not matter.
  if (queue.startsWith('timer')) return '';
  const [first = '', second] = group.split('/', 2);
  return first === 'event' && second !== undefined ? second : first;
}

/**
 * How many more invocations each of the waiting lanes may have now. What is free goes to those that have the fewest; and
 * each gets its guaranteed share beyond that. Pure.
 */
export function fairShare(
  waiting: readonly string[],
  held: ReadonlyMap<string, number>,
  concurrency: number,
): Map<string, number> {
  const shares = new Map<string, number>();
  const total = (lane: string) => (held.get(lane) ?? 0) + (shares.get(lane) ?? 0);
  const give = (lane: string, count: number) => void shares.set(lane, (shares.get(lane) ?? 0) + count);
  let free = concurrency;
  for (const count of held.values()) free -= count;
  for (; free > 0 && waiting.length > 0; free--)
    give(
      waiting.reduce((least, lane) => (total(lane) < total(least) ? lane : least)),
      1,
    );
  for (const lane of waiting) if (total(lane) < guaranteed) give(lane, guaranteed - total(lane));
  return shares;
}
