import { buildsPrefix } from '../../shared/controllers/kustomize/build-cache.ts';
import { notesPrefix } from '../../shared/controllers/kustomize/write-ahead.ts';
import { pendingPrefix } from '../../shared/controllers/notification/hook/keep.ts';
import { sweepArtifacts, sweepOld } from '../../shared/controllers/source/artifact-sweep.ts';
import { cachePrefix } from '../../shared/controllers/source/cache.ts';
import type { Ports } from '../../shared/ports/ports.ts';
import { sendDue } from '../../shared/reconcile/due.ts';
import { messageOfError } from '../../shared/reconcile/errors.ts';
import { within } from '../../shared/reconcile/within.ts';
import { lookAtClusters } from './look-at-clusters.ts';

const dayMs = 24 * 3_600_000;

/**
 * What comes due, what changed in the clusters that are swept, and once an hour the store's leftovers; ends by `deadline`
 * (epoch ms), or soon after. One part that fails leaves the others alone; the next minute tries again. Two that overlap do
 * what one would, with some messages sent twice.
 */
export async function runSchedule(ports: Ports, deadline: number): Promise<void> {
  const attempt = async <T>(what: string, act: () => Promise<T>): Promise<T | undefined> => {
    try {
      // What hangs must not hold the invocation until it is killed, nor anything beside it.
      return await within(Math.max(1, deadline - Date.now()), act());
    } catch (error) {
      ports.log.error(`could not ${what}`, { error: messageOfError(error) });
      return undefined;
    }
  };
  const records = await ports.index.clusters();
  const [sent, looks] = await Promise.all([
    attempt('send what is due', () => sendDue(ports, deadline)),
    lookAtClusters(records, ports, deadline),
    attempt('tidy the store', () => tidy(ports)),
  ]);
  const { age, ...fields } = looks;
  const figures = { SweepAge: age, ...(sent === undefined ? {} : { DueSent: sent }) };
  ports.metrics.record({ message: 'schedule done', figures, fields: { ...fields }, figuresOnly: true });
}

async function tidy(ports: Ports): Promise<void> {
  if (!(await ports.index.once('tidy-store', 3600))) return;
  const failures: unknown[] = [];
  // A cluster that does not answer keeps its artifacts; what depends on no cluster goes all the same.
  const sweeps = [
    () => sweepArtifacts(ports),
    () => sweepOld(ports, buildsPrefix, 7 * dayMs),
    // As long as a cluster may be away: a note is needed until its status can be written.
    () => sweepOld(ports, notesPrefix, 7 * dayMs),
    () => sweepOld(ports, pendingPrefix, dayMs),
    () => sweepOld(ports, cachePrefix, 7 * dayMs),
  ];
  for (const sweep of sweeps) await sweep().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, failures.map(messageOfError).join('; '));
}
