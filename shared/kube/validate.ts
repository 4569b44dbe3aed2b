import type { KubeObject } from '../api/object.ts';
import { ApiError, type Cluster } from '../ports/cluster.ts';
import { isImmutable, ObjectRefused } from './apply-error.ts';
import type { Action } from './change.ts';
import { jsonEqual } from './deep-equal.ts';
import { type IgnoredPaths, withIgnoredFields, without } from './drift-rules.ts';
import { cleanupPatch, type ForeignManager, type PatchOperation } from './managed-fields.ts';
import type { Policy } from './policy.ts';
import { provablyUnchanged } from './unchanged.ts';
import { applyKnownFields } from './unknown-fields.ts';

/** What is the same for all objects of a set. */
export interface SetContext {
  cluster: Cluster;
  manager: string;
  policy: Policy;
  force: boolean;
  foreign: readonly ForeignManager[];
  ignored: IgnoredPaths;
  /** Told of what was put right, and should be put right in the manifests. */
  warn: (message: string) => void;
}

/** What is to be done with one object. */
export type Decision =
  | { do: 'nothing'; action: 'unchanged' | 'skipped' }
  | { do: 'apply'; action: Action; payload: KubeObject; cleanup: PatchOperation[] }
  /** Nothing else is to be written: the apply itself is the validation. */
  | { do: 'try'; payload: KubeObject; live: KubeObject | undefined }
  | { do: 'recreate'; payload: KubeObject; live: KubeObject };

/**
 * Whether the only object of a set that may need writing can be applied without a dry-run before: when it is refused,
 * nothing was written either.
 */
export function canTry(context: SetContext, desired: KubeObject, live: KubeObject | undefined): boolean {
  if (context.ignored(desired).length > 0 || context.policy.force(desired) || context.force) return false;
  return !live || (!context.policy.force(live) && cleanupOf(context, desired, live).length === 0);
}

/** What can be said without asking the server; undefined when it must be asked. Pure. */
export function decideLocally(
  context: SetContext,
  desired: KubeObject,
  live: KubeObject | undefined,
): Decision | undefined {
  const { policy } = context;
  if (policy.excluded(desired) || (live && policy.excluded(live))) return { do: 'nothing', action: 'skipped' };
  if (live && policy.ifNotPresent(desired)) return { do: 'nothing', action: 'skipped' };
  if (live && cleanupOf(context, desired, live).length === 0 && provablyUnchanged(desired, live, context.manager))
    return { do: 'nothing', action: 'unchanged' };
  return undefined;
}

/** How often a pair of reads that do not fit together is read again. */
const maxRaces = 3;

/** What the server's dry-run says is to be done. Writes nothing. Throws ObjectRefused. */
export async function validate(
  context: SetContext,
  desired: KubeObject,
  known: KubeObject | undefined,
): Promise<Decision> {
  let live = known;
  for (let races = 0; ; races++) {
    const asked = await dryRunOf(context, desired, live).catch(error => leftAlone(context, desired, live, error));
    if ('do' in asked) return asked;
    const { dryRun, sent, recreate } = asked;
    if (!dryRun) return { do: 'recreate', payload: desired, live: recreate };
    // A dry-run that created the object has no version.
    const version = dryRun.metadata.resourceVersion;
    if (!version) return { do: 'apply', action: 'created', payload: sent, cleanup: [] };
    const seen = live;
    if (live?.metadata.resourceVersion !== version) live = await read(context.cluster, desired);
    if (live && !seen) {
      const decision = decideLocally(context, desired, live);
      if (decision) return decision;
    }
    // The dry-run saw another version than was read: controllers write too, and their change is no drift of ours.
    if (live && (live.metadata.resourceVersion === version || races >= maxRaces))
      return decide(context, sent, live, dryRun);
    if (races >= maxRaces) return { do: 'apply', action: 'created', payload: sent, cleanup: [] };
  }
}

/** An object that was not read before may be there and say that it is to be left alone: then no refusal matters. */
async function leftAlone(
  context: SetContext,
  desired: KubeObject,
  known: KubeObject | undefined,
  error: unknown,
): Promise<Decision> {
  const live = known ? undefined : await read(context.cluster, desired).catch(() => undefined);
  const decision = live && decideLocally(context, desired, live);
  if (decision) return decision;
  throw error;
}

async function dryRunOf(
  context: SetContext,
  desired: KubeObject,
  known: KubeObject | undefined,
): Promise<
  { dryRun: KubeObject; sent: KubeObject; recreate?: never } | { dryRun?: never; sent?: never; recreate: KubeObject }
> {
  try {
    const options = { fieldManager: context.manager, force: true, dryRun: true };
    const { result, sent } = await applyKnownFields(context.cluster, desired, options, context.warn);
    return { dryRun: result, sent };
  } catch (error) {
    const live = known ?? (isImmutable(error) ? await read(context.cluster, desired) : undefined);
    if (live && (await mayRecreate(context, desired, live, error))) return { recreate: live };
    throw new ObjectRefused(desired, 'dry-run', error);
  }
}

function decide(context: SetContext, desired: KubeObject, live: KubeObject, dryRun: KubeObject): Decision {
  const cleanup = cleanupOf(context, desired, live);
  const ignored = context.ignored(dryRun);
  if (cleanup.length === 0 && !hasDrifted(live, dryRun, ignored)) return { do: 'nothing', action: 'unchanged' };
  const payload = ignored.length === 0 ? desired : withIgnoredFields(desired, live, dryRun, ignored, context.manager);
  return { do: 'apply', action: 'configured', payload, cleanup };
}

function cleanupOf(context: SetContext, desired: KubeObject, live: KubeObject): PatchOperation[] {
  if (context.policy.merge(desired) || context.policy.merge(live)) return [];
  return cleanupPatch(live, context.manager, context.foreign);
}

function read(cluster: Cluster, object: KubeObject): Promise<KubeObject | undefined> {
  return cluster.get(object, object.metadata.namespace, object.metadata.name);
}

/**
 * Whether deleting and creating anew is wanted and would help. A plainly invalid object is told from an immutable field
 * by a dry-run of its creation, which is refused for what is wrong with the object before its existence is noticed:
 * nothing is deleted that could not be created again.
 */
async function mayRecreate(
  context: SetContext,
  desired: KubeObject,
  live: KubeObject,
  error: unknown,
): Promise<boolean> {
  if (!isImmutable(error)) return false;
  if (!context.force && !context.policy.force(desired) && !context.policy.force(live)) return false;
  try {
    await context.cluster.create(desired, { fieldManager: context.manager, dryRun: true });
    return true;
  } catch (refused) {
    if (refused instanceof ApiError && refused.reason === 'AlreadyExists') return true;
    throw new ObjectRefused(desired, 'dry-run', refused);
  }
}

/** Whether the dry-run's result is another object than the live one: labels, annotations, everything but metadata and status. */
export function hasDrifted(live: KubeObject, dryRun: KubeObject, ignored: readonly string[]): boolean {
  const [before, after] = ignored.length === 0 ? [live, dryRun] : [without(live, ignored), without(dryRun, ignored)];
  return (
    !jsonEqual(before.metadata?.labels ?? {}, after.metadata?.labels ?? {}) ||
    !jsonEqual(before.metadata?.annotations ?? {}, after.metadata?.annotations ?? {}) ||
    !jsonEqual(contentOf(before), contentOf(after))
  );
}

function contentOf(object: KubeObject): Record<string, unknown> {
  const { apiVersion: _, kind: __, metadata: ___, status: ____, ...content } = object;
  return content;
}
