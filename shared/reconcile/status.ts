import { isDeepStrictEqual } from 'node:util';
import type { KindDefinition } from '../api/kinds.ts';
import type { Condition, KubeObject } from '../api/object.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { Outcome } from './outcome.ts';
import { requestedAtAnnotation } from './record.ts';

/**
 * The whole status after a reconcile. `observedGeneration` moves only when the generation was dealt with (ready or
 * stalled); a request counts as handled once this reconcile came to an end, which a wait for health is not: the flux CLI
 * takes the first as "done".
 */
export function statusAfter(
  definition: KindDefinition,
  object: KubeObject,
  draft: Record<string, unknown>,
  conditions: Condition[],
  outcome: Outcome,
): Record<string, unknown> {
  const status: Record<string, unknown> = { ...draft, conditions };
  const dealtWith = outcome.type === 'done' || outcome.type === 'stalled';
  if (dealtWith && definition.observes !== 'conditions') status.observedGeneration = object.metadata.generation;
  const requested = object.metadata.annotations?.[requestedAtAnnotation];
  const ended = outcome.type !== 'requeue' && !(outcome.type === 'waiting' && outcome.ready === 'Unknown');
  if (requested !== undefined && ended) status.lastHandledReconcileAt = requested;
  return withoutUndefined(status);
}

/**
 * The status of an object that is suspended, as Flux leaves it: otherwise whoever waits for the object (a Kustomization
 * that contains it, `kubectl wait`) would take it for one in progress. A source says so whenever it has been reconciled
 * before, and its conditions with it; the others only while they are ready.
 */
export function suspendedStatus(definition: KindDefinition, object: KubeObject): Record<string, unknown> {
  const status: Record<string, unknown> = { ...object.status };
  const conditions = (Array.isArray(status.conditions) ? status.conditions : []) as Condition[];
  const { generation } = object.metadata;
  const ready = conditions.find(condition => condition.type === 'Ready');
  const isSource = definition.fieldManager === 'source-controller';
  if (ready && (isSource || ready.status === 'True')) status.observedGeneration = generation;
  if (ready && isSource && generation !== undefined)
    status.conditions = conditions.map(condition =>
      summaryTypes.has(condition.type) ? { ...condition, observedGeneration: generation } : condition,
    );
  const requested = object.metadata.annotations?.[requestedAtAnnotation];
  if (requested !== undefined) status.lastHandledReconcileAt = requested;
  return status;
}

const summaryTypes = new Set(['Ready', 'Reconciling', 'Stalled']);

function withoutUndefined(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

/**
 * Writes the status by server-side apply, when it differs from what the object has: at most one call, none when nothing
 * changed. Returns the object as it is then; undefined when it is gone, or another of its name took its place.
 */
export async function writeStatus(
  cluster: Cluster,
  definition: KindDefinition,
  object: KubeObject,
  status: Record<string, unknown>,
): Promise<KubeObject> {
  if (isDeepStrictEqual(object.status ?? {}, status)) return object;
  const { name, namespace, uid } = object.metadata;
  const written = await cluster.apply<KubeObject>(
    {
      apiVersion: object.apiVersion,
      kind: object.kind,
      // The uid is a precondition: a status must not land on a namesake created meanwhile.
      metadata: { name, ...(namespace ? { namespace } : {}), ...(uid ? { uid } : {}) },
      status,
    },
    { fieldManager: statusManager(definition), force: true, subresource: 'status' },
  );
  return removeLeftovers(cluster, definition, written, status);
}

/**
 * Fields that another writer owns too (Flux's controllers, before this installation took over) outlive an apply that no
 * longer has them. They are removed outright, once: afterwards nobody else owns any.
 */
async function removeLeftovers(
  cluster: Cluster,
  definition: KindDefinition,
  written: KubeObject,
  status: Record<string, unknown>,
): Promise<KubeObject> {
  // The API server's default for it comes back by itself.
  const extra = Object.keys(written.status ?? {}).filter(key => !(key in status) && key !== 'observedGeneration');
  if (extra.length === 0) return written;
  return cluster.patch<KubeObject>(
    { apiVersion: written.apiVersion, kind: written.kind },
    written.metadata.namespace,
    written.metadata.name,
    { type: 'merge', body: { status: Object.fromEntries(extra.map(key => [key, null])) } },
    { fieldManager: statusManager(definition), subresource: 'status' },
  );
}

/** The manager that Flux's controllers use for status and finalizers: kustomize-controller has a name of its own for it. */
export function statusManager(definition: KindDefinition): string {
  return definition.fieldManager === 'kustomize-controller' ? 'gotk-kustomize-controller' : definition.fieldManager;
}
