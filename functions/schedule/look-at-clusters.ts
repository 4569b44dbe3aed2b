import { setTimeout as delay } from 'node:timers/promises';
import { Limiter } from '../../shared/kube/limiter.ts';
import { UnknownCluster } from '../../shared/ports/cluster.ts';
import type { ClusterRecord } from '../../shared/ports/index.ts';
import type { Log, Ports } from '../../shared/ports/ports.ts';
import { resync } from '../../shared/reconcile/changes.ts';
import { findError, messageOfError } from '../../shared/reconcile/errors.ts';
import { within } from '../../shared/reconcile/within.ts';
import { sweepCluster } from './sweep-cluster.ts';
import { readSweep } from './sweep-record.ts';

export interface Turns {
  /** Clusters whose turn it is, at a time: bounds connections and memory, not the clusters that can be looked at. */
  atATime: number;
  /**
   * How long a cluster's turn is, milliseconds. One that takes longer is looked at all the same, until the time is over, but
   * the next one's turn begins.
   */
  milliseconds: number;
}

/** So that 200 that hang are all asked within 40 seconds, and those that answer are done in a few. */
const usual: Turns = { atATime: 40, milliseconds: 8_000 };

/** What came of a minute's looks. */
export interface Looks {
  /** Clusters that were looked at, or should have been. */
  clusters: number;
  failed: number;
  /** Seconds since the last completed look at the swept cluster that is furthest behind; 0 when none is swept. */
  age: number;
  /** That cluster. */
  furthest?: string;
}

/**
 * Looks at every cluster until `deadline` (epoch ms): several at a time, in an order that changes, so that none is always the
 * last. What goes wrong with one is logged and leaves the others alone. Two that run at a time do no harm: what both send is
 * coalesced.
 */
export async function lookAtClusters(
  records: ClusterRecord[],
  ports: Ports,
  deadline: number,
  turns = usual,
): Promise<Looks> {
  const limiter = new Limiter(turns.atATime);
  const ending = new AbortController();
  const completed = new Map<string, number>();
  let failed = 0;
  const look = async (record: ClusterRecord) => {
    const begun = ports.clock.now();
    try {
      // Requests that still wait are ended when the time is over: on Lambda they would go on in a later invocation.
      await within(Math.max(1, deadline - Date.now()), lookAt(record, ports, ending.signal));
      completed.set(record.name, begun);
    } catch (error) {
      // Removed meanwhile: nobody waits for it.
      if (findError(error, UnknownCluster)) completed.set(record.name, begun);
      else {
        failed++;
        logFailure(record, error, ports.log);
      }
    }
  };
  const looks: Promise<void>[] = [];
  await Promise.all(
    shuffled(records).map(record =>
      limiter.run(async () => {
        const looking = look(record);
        looks.push(looking);
        await Promise.race([looking, delay(turns.milliseconds, undefined, { ref: false })]);
      }),
    ),
  );
  await Promise.all(looks);
  ending.abort(new Error('the time of the schedule is over'));
  return { clusters: records.length, failed, ...(await furthestBehind(records, completed, ports)) };
}

function logFailure({ name }: ClusterRecord, error: unknown, log: Log): void {
  log.error(`could not look at cluster ${name}`, { cluster: name, error: messageOfError(error) });
}

/** The host follows watched clusters itself; one that pushes its changes must still be taken in once, after an index was lost. */
async function lookAt({ name, changes }: ClusterRecord, all: Ports, signal: AbortSignal): Promise<void> {
  if (changes === 'sweep') return sweepCluster(name, all, signal);
  if (changes === 'watch' || (await all.index.cursor(name, taken))) return;
  await resync(name, all);
  await all.index.setCursor(name, taken, 'done');
}

/** Stands among the cursors, so that it is lost with the index. */
const taken = 'resync';

async function furthestBehind(
  records: ClusterRecord[],
  completed: Map<string, number>,
  { index, clock }: Ports,
): Promise<Pick<Looks, 'age' | 'furthest'>> {
  const now = clock.now();
  const ages = await Promise.all(
    records
      .filter(({ changes }) => changes === 'sweep')
      .map(async ({ name, addedAt }) => {
        const at = completed.get(name) ?? ((await readSweep(index, name)).at || addedAt);
        return { age: Math.max(0, now - at) / 1000, furthest: name };
      }),
  );
  return ages.reduce<Pick<Looks, 'age' | 'furthest'>>((worst, one) => (one.age >= worst.age ? one : worst), { age: 0 });
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map(item => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
