import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../api/object.ts';
import type { Clock } from '../ports/clock.ts';
import { ApiError } from '../ports/cluster.ts';
import { ObjectRefused } from './apply-error.ts';
import type { Action } from './change.ts';
import { jsonEqual } from './deep-equal.ts';
import { cleanupPatch, type PatchOperation } from './managed-fields.ts';
import { refOf, subjectOf } from './object-id.ts';
import { appliedEntry } from './unchanged.ts';
import { applyKnownFields } from './unknown-fields.ts';
import { type Decision, hasDrifted, type SetContext } from './validate.ts';

interface Waiting {
  timeoutMs: number;
  signal: AbortSignal;
  clock: Clock;
}

/** Does what was decided for one object. Throws ObjectRefused. */
export async function write(
  context: SetContext,
  desired: KubeObject,
  decision: Decision,
  waiting: Waiting,
): Promise<Action> {
  if (decision.do === 'nothing') return decision.action;
  if (decision.do === 'try') return tryApply(context, decision);
  try {
    if (decision.do === 'recreate') await remove(context, decision.live, waiting);
    else if (decision.cleanup.length > 0) await cleanUp(context, desired, decision.cleanup);
    await context.cluster.apply(decision.payload, { fieldManager: context.manager, force: true });
  } catch (error) {
    waiting.signal.throwIfAborted();
    throw new ObjectRefused(desired, 'apply', error);
  }
  return decision.do === 'recreate' ? 'created' : decision.action;
}

async function tryApply(context: SetContext, decision: Extract<Decision, { do: 'try' }>): Promise<Action> {
  const { payload, live } = decision;
  try {
    const options = { fieldManager: context.manager, force: true };
    const { result: applied, sent } = await applyKnownFields(context.cluster, payload, options, context.warn);
    if (!live) return 'created';
    return changedBy(context.manager, sent, live, applied) ? 'configured' : 'unchanged';
  } catch (error) {
    throw new ObjectRefused(payload, 'dry-run', error);
  }
}

/**
 * Whether our apply changed the object. One that changes nothing leaves its version, and the time of our entry, as they
 * were; a controller may have written between, which is no change of ours.
 */
function changedBy(manager: string, payload: KubeObject, live: KubeObject, applied: KubeObject): boolean {
  if (applied.metadata.resourceVersion === live.metadata.resourceVersion) return false;
  if (!jsonEqual(appliedEntry(live, manager), appliedEntry(applied, manager))) return true;
  // The entry's time counts seconds only.
  const { generation } = live.metadata;
  if (generation === undefined ? hasDrifted(live, applied, []) : generation !== applied.metadata.generation)
    return true;
  return (['labels', 'annotations'] as const).some(field =>
    Object.keys(payload.metadata[field] ?? {}).some(
      key => live.metadata[field]?.[key] !== applied.metadata[field]?.[key],
    ),
  );
}

/** Deletes and waits until the object is gone, finalizers included. */
async function remove({ cluster }: SetContext, live: KubeObject, waiting: Waiting): Promise<void> {
  const { namespace, name, uid } = live.metadata;
  await cluster.delete(live, namespace, name, { propagation: 'Background', ...(uid ? { uid } : {}) });
  const deadline = waiting.clock.now() + waiting.timeoutMs;
  for (let pause = 25; ; pause = Math.min(pause * 2, 1_000)) {
    const found = await cluster.get(live, namespace, name);
    if (!found || found.metadata.uid !== uid) return;
    if (waiting.clock.now() > deadline) {
      const finalizers = found.metadata.finalizers?.join(', ');
      throw new Error(
        `${subjectOf(refOf(live))} was deleted to be created anew, and is still there${finalizers ? `; finalizers: ${finalizers}` : ''}`,
      );
    }
    await delay(pause, undefined, { signal: waiting.signal });
  }
}

/** Tries of the cleanup against other writers. */
const maxConflicts = 4;

async function cleanUp(context: SetContext, object: KubeObject, first: PatchOperation[]): Promise<void> {
  const { namespace, name } = object.metadata;
  let patch = first;
  for (let conflicts = 0; patch.length > 0; conflicts++) {
    try {
      await context.cluster.patch(
        object,
        namespace,
        name,
        { type: 'json', body: patch },
        { fieldManager: context.manager },
      );
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409 || conflicts >= maxConflicts) throw error;
      const live = await context.cluster.get(object, namespace, name);
      patch = live ? cleanupPatch(live, context.manager, context.foreign) : [];
    }
  }
}
