import middy from '@middy/core';
import type { Context, EventBridgeEvent } from 'aws-lambda';
import { ports } from '#ports';
import { buildsPrefix } from '../../shared/controllers/kustomize/build-cache.ts';
import { notesPrefix } from '../../shared/controllers/kustomize/write-ahead.ts';
import { pendingPrefix } from '../../shared/controllers/notification/hook/keep.ts';
import { sweepArtifacts, sweepOld } from '../../shared/controllers/source/artifact-sweep.ts';
import type { ClusterRecord } from '../../shared/ports/index.ts';
import type { Ports } from '../../shared/ports/ports.ts';
import { resync } from '../../shared/reconcile/changes.ts';
import { sendDue } from '../../shared/reconcile/due.ts';
import { messageOfError } from '../../shared/reconcile/errors.ts';
import { within } from '../../shared/reconcile/within.ts';
import { sweepCluster } from './sweep-cluster.ts';

const dayMs = 24 * 3_600_000;

/**
 * Every minute: what comes due, what changed in the clusters that are swept, and once an hour the store's leftovers. One
 * part that fails leaves the others alone; the next minute tries again.
 */
async function handle(_: EventBridgeEvent<string, unknown>, context: Context): Promise<void> {
  const all = await ports();
  const deadline = Date.now() + context.getRemainingTimeInMillis() - 5_000;
  const clusters = await all.index.clusters();
  const attempt = async (what: string, act: () => Promise<unknown>) => {
    try {
      // A cluster that hangs must not hold the invocation until it is killed, nor anything beside it.
      await within(Math.max(1, deadline - Date.now()), act());
    } catch (error) {
      all.log.error(`could not ${what}`, { error: messageOfError(error) });
    }
  };
  await Promise.all([
    attempt('send what is due', () => sendDue(all, deadline)),
    ...clusters.map(cluster => attempt(`look at cluster ${cluster.name}`, () => lookAt(cluster, all))),
    attempt('tidy the store', () => tidy(all)),
  ]);
}

/** The host follows watched clusters itself; one that pushes its changes must still be taken in once, after an index was lost. */
async function lookAt({ name, changes }: ClusterRecord, all: Ports): Promise<void> {
  if (changes === 'sweep') return sweepCluster(name, all);
  if (changes === 'watch' || (await all.index.cursor(name, taken))) return;
  await resync(name, all);
  await all.index.setCursor(name, taken, 'done');
}

/** Stands among the cursors, so that it is lost with the index. */
const taken = 'resync';

async function tidy(all: Ports): Promise<void> {
  if (!(await all.index.once('tidy-store', 3600))) return;
  await sweepArtifacts(all);
  await sweepOld(all, buildsPrefix, 7 * dayMs);
  // As long as a cluster may be away: a note is needed until its status can be written.
  await sweepOld(all, notesPrefix, 7 * dayMs);
  await sweepOld(all, pendingPrefix, dayMs);
}

export const handler = middy(handle);
