import { parseDuration } from '../api/duration.ts';
import { kindOf, kinds } from '../api/kinds.ts';
import type { KubeObject, ObjectKey, TypeRef } from '../api/object.ts';
import { ApiError, type WatchEvent } from '../ports/cluster.ts';
import type { IndexedObject } from '../ports/index.ts';
import type { Ports } from '../ports/ports.ts';
import { wakeDependents } from './dependents.ts';
import { isSuspended, never, recordOf, requestedAtAnnotation } from './record.ts';
import { newTrace } from './trace.ts';
import { messageOf, workItem } from './work-item.ts';

/** What a change of an object asks for. */
export type ChangeDecision = 'reconcile' | 'wake' | 'index' | 'nothing';

/**
 * Whether a change is one to act on. Pure. Only four things ask for a reconcile: a new object, a new generation (the spec),
 * suspension or its end, a new `requestedAt`, and deletion. A write to the status (ours above all) changes none of them; only
 * of what others make is a new revision news, for those that use it (`wake`).
 * `artifactsUrl` is where our artifacts can be fetched: a source that names another place was reconciled by someone else.
 */
export function decideChange(
  object: KubeObject,
  known: IndexedObject | undefined,
  artifactsUrl: string,
): ChangeDecision {
  const meta = object.metadata;
  const fresh = known === undefined || known.uid !== (meta.uid ?? '');
  if (!fresh && known.resourceVersion === meta.resourceVersion) return 'nothing';
  if (kindOf(object.kind)?.madeByOthers) {
    const revision: unknown = object.status?.artifact?.revision;
    const news = typeof revision === 'string' && (fresh || known.summary.revision !== revision);
    return news ? 'wake' : 'index';
  }
  // Asking for deletion raises the generation, so that later writes (ours too) are told apart from it.
  const raised = fresh || known.generation !== (meta.generation ?? 0);
  if (meta.deletionTimestamp !== undefined) return raised && meta.finalizers?.length ? 'reconcile' : 'nothing';
  const requested = meta.annotations?.[requestedAtAnnotation];
  const unhandled = requested !== undefined && requested !== object.status?.lastHandledReconcileAt;
  if (fresh) return settled(object) && !unhandled && !madeElsewhere(object, artifactsUrl) ? 'index' : 'reconcile';
  if (raised || known.summary.suspended !== isSuspended(object)) return 'reconcile';
  if (unhandled && known.requestedAt !== requested) return 'reconcile';
  return 'nothing';
}

/** Reconciled as its spec is now, and ready: an index that lost it need not start a reconcile, only learn of it. */
function settled(object: KubeObject): boolean {
  const definition = kindOf(object.kind);
  if (definition?.hasStatus === false) return definition.unsupported(object).length === 0;
  const status = object.status ?? {};
  const ready = (Array.isArray(status.conditions) ? status.conditions : []).find(
    (condition: { type?: string }) => condition?.type === 'Ready',
  );
  const observed = definition?.observes === 'conditions' ? ready?.observedGeneration : status.observedGeneration;
  return ready?.status === 'True' && observed === (object.metadata.generation ?? 0);
}

/**
 * Whether the artifact lies where we keep none, as after Flux's controllers: made again at once, and not when the source comes
 * due, it is there when those that use it look for it.
 */
function madeElsewhere(object: KubeObject, artifactsUrl: string): boolean {
  const url: unknown = object.status?.artifact?.url;
  return Boolean(artifactsUrl) && typeof url === 'string' && !url.startsWith(`${artifactsUrl}/`);
}

/**
 * Takes one watch event of a toolkit kind: enqueues the object when it asks for it, and keeps the index true. Safe to be
 * told the same thing twice, and things out of order: the message only says "look", and the worker looks at what is.
 */
export async function onObjectChange(cluster: string, event: WatchEvent<KubeObject>, ports: Ports): Promise<void> {
  const object = event.object;
  if (event.type === 'BOOKMARK' || !kindOf(object.kind)) return;
  const key: ObjectKey = {
    cluster,
    kind: object.kind,
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
  };
  const known = await ports.index.getObject(key);
  if (event.type === 'DELETED') {
    if (known && known.uid === (object.metadata.uid ?? '')) await ports.index.removeObject(key);
    return;
  }
  await takeIn(key, object, known, ports, 'change');
}

async function takeIn(
  key: ObjectKey,
  object: KubeObject,
  known: IndexedObject | undefined,
  ports: Ports,
  reason: string,
): Promise<ChangeDecision> {
  const decision = decideChange(object, known, ports.artifactsUrl);
  if (decision === 'nothing') return decision;
  const now = ports.clock.now();
  if (decision === 'wake') {
    // In this order, as below.
    await wakeDependents(key, ports, newTrace());
    await ports.index.putObject(recordOf(key, object, never));
    return decision;
  }
  if (decision === 'reconcile' && hasWork(object)) {
    const requestedAt = object.metadata.annotations?.[requestedAtAnnotation];
    // Sent before it is recorded: dying in between costs a second message, never a lost change.
    await ports.queue.send([
      messageOf(workItem(key, { reason, trace: newTrace(), sentAt: now, ...(requestedAt && { requestedAt }) })),
    ]);
    // A worker that was faster has recorded more than this.
    const latest = await ports.index.getObject(key);
    if (latest?.resourceVersion === known?.resourceVersion)
      await ports.index.putObject(recordOf(key, object, now + lostAfterMs));
  } else {
    await ports.index.putObject(recordOf(key, object, spreadDue(object, now)));
  }
  return decision;
}

/** Kinds without a status are only looked at to say, by an Event, that they ask for what is not built. */
function hasWork(object: KubeObject): boolean {
  const definition = kindOf(object.kind);
  return definition?.hasStatus === true || (definition?.unsupported(object).length ?? 0) > 0;
}

/** When a message of ours must have been worked on; later, the schedule sends another. */
const lostAfterMs = 5 * 60_000;

/** Objects that are learned of without work come due spread over their interval, so that a rebuilt index makes no storm. */
function spreadDue(object: KubeObject, now: number): number {
  const interval = object.spec?.interval;
  if (isSuspended(object) || typeof interval !== 'string') return never;
  try {
    return now + Math.ceil(Math.random() * parseDuration(interval));
  } catch {
    return now;
  }
}

/**
 * Rebuilds what the index holds of a cluster: lists each toolkit kind, records what is there, forgets what is gone, and
 * enqueues what is not settled. Kinds whose definition is not installed are left out. Returns how many objects there are.
 */
export async function resync(cluster: string, ports: Ports): Promise<{ objects: number; enqueued: number }> {
  const target = await ports.clusters.get(cluster);
  const known = new Map<string, IndexedObject>();
  for await (const record of ports.index.objects(cluster)) known.set(identity(record.key), record);
  let objects = 0;
  let enqueued = 0;
  for (const definition of kinds) {
    const type: TypeRef = { apiVersion: `${definition.group}/${definition.version}`, kind: definition.kind };
    const listed = await target.list(type).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    });
    for (const item of listed?.items ?? []) {
      // Items of a list do not always carry their kind.
      const object: KubeObject = { ...item, ...type };
      const key = {
        cluster,
        kind: definition.kind,
        namespace: item.metadata.namespace ?? '',
        name: item.metadata.name,
      };
      const before = known.get(identity(key));
      known.delete(identity(key));
      objects++;
      if ((await takeIn(key, object, before, ports, 'resync')) === 'reconcile') enqueued++;
    }
  }
  for (const record of known.values()) await ports.index.removeObject(record.key);
  return { objects, enqueued };
}

/**
 * After a relist, which tells what there is and not what went: forgets the records of objects of a kind that are gone.
 * What was made after the list was taken has a message of its own, which records it again.
 */
export async function forgetMissing(
  cluster: string,
  kind: string,
  listed: readonly KubeObject[],
  ports: Ports,
): Promise<void> {
  const present = new Set(listed.map(({ metadata }) => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`));
  for await (const { key } of ports.index.objects(cluster))
    if (key.kind === kind && !present.has(identity(key))) await ports.index.removeObject(key);
}

function identity(key: ObjectKey): string {
  return `${key.kind}/${key.namespace}/${key.name}`;
}
