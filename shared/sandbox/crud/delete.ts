import * as z from 'zod';
import type { KubeObject } from '../../api/object.ts';
import { conflict, forbidden, invalid } from '../faults.ts';
import type { FieldError } from '../objects/field-error.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import type { Entry } from '../store/collection.ts';
import { clone } from './clone.ts';
import { mayBeRemoved } from './deletion-state.ts';
import { type Kernel, timestamp } from './kernel.ts';
import { cleanup } from './settle-definition.ts';

/** metav1.DeleteOptions, from the body or the query. */
export const DeleteOptions = z.object({
  gracePeriodSeconds: z.number().int().min(0).nullish(),
  preconditions: z.object({ uid: z.string().nullish(), resourceVersion: z.string().nullish() }).nullish(),
  orphanDependents: z.boolean().nullish(),
  propagationPolicy: z.string().nullish(),
  dryRun: z.array(z.string()).nullish(),
});
export type DeleteOptions = z.infer<typeof DeleteOptions>;

export interface Deletion {
  /** The object as it is now, or was last. */
  object: KubeObject;
  /** Whether it is gone, rather than marked. */
  removed: boolean;
}

const orphanFinalizer = 'orphan';
const foregroundFinalizer = 'foregroundDeletion';
/** These keep their dependents unless told otherwise, for the sake of very old clients. */
const orphaning = new Set(['/replicationcontrollers', 'batch/jobs']);
const protectedNamespaces = new Set(['default', 'kube-system', 'kube-public']);

/** DELETE of one object: removes it, or marks it and leaves the rest to finalizers, the collector or the kubelet. */
export function deleteEntry(
  kernel: Kernel,
  definition: ResourceDefinition,
  entry: Entry,
  options: DeleteOptions,
  dryRun = false,
): Deletion {
  checkPolicy(options);
  checkPreconditions(definition, entry, options);
  if (definition.storageKey === '/namespaces' && protectedNamespaces.has(entry.name))
    throw forbidden(definition, entry.name, 'this namespace may not be deleted');
  const next = clone(entry.object);
  next.metadata.finalizers = finalizersFor(definition, entry, options);
  if (next.metadata.finalizers.length === 0) delete next.metadata.finalizers;
  mark(kernel, definition, next, options);
  if (mayBeRemoved(next)) {
    // What nothing held back was never marked: only a pod's end, which takes its time, shows in its last state.
    const unmarked = !entry.object.metadata.deletionTimestamp && definition.storageKey !== '/pods';
    const last = unmarked ? entry : { ...entry, object: next };
    return { object: dryRun ? last.object : kernel.store.remove(last).object, removed: true };
  }
  if (dryRun || sameMarks(entry.object, next)) return { object: next, removed: false };
  return { object: kernel.store.put(definition.storageKey, next).object, removed: false };
}

function checkPreconditions(definition: ResourceDefinition, entry: Entry, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { metadata } = entry.object;
  if (uid && uid !== metadata.uid)
    throw conflict(
      { group: '', plural: definition.kind },
      entry.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  if (resourceVersion && resourceVersion !== metadata.resourceVersion)
    throw conflict(
      { group: '', plural: definition.kind },
      entry.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
}

const policies = ['Foreground', 'Background', 'Orphan'];

function checkPolicy({ propagationPolicy, orphanDependents }: DeleteOptions): void {
  if (!propagationPolicy) return;
  if (typeof orphanDependents === 'boolean')
    throw invalid('meta.k8s.io', 'DeleteOptions', '', [bothPolicies(propagationPolicy)]);
  if (policies.includes(propagationPolicy)) return;
  const supported = [...policies, 'nil'].map(policy => JSON.stringify(policy)).join(', ');
  throw invalid('meta.k8s.io', 'DeleteOptions', '', [
    {
      type: 'FieldValueNotSupported',
      field: 'propagationPolicy',
      value: propagationPolicy,
      detail: `supported values: ${supported}`,
    },
  ]);
}

function bothPolicies(value: string): FieldError {
  const detail = 'orphanDependents and deletionPropagation cannot be both set';
  return { type: 'FieldValueInvalid', field: 'propagationPolicy', value, detail };
}

function finalizersFor(definition: ResourceDefinition, entry: Entry, options: DeleteOptions): string[] {
  const present = entry.object.metadata.finalizers ?? [];
  const others = present.filter(finalizer => finalizer !== orphanFinalizer && finalizer !== foregroundFinalizer);
  let policy = options.propagationPolicy;
  if (typeof options.orphanDependents === 'boolean') policy = options.orphanDependents ? 'Orphan' : 'Background';
  if (!policy) {
    if (others.length !== present.length) return present;
    policy = orphaning.has(definition.storageKey) ? 'Orphan' : 'Background';
  }
  if (policy === 'Orphan') return [...others, orphanFinalizer];
  return policy === 'Foreground' ? [...others, foregroundFinalizer] : others;
}

const definitionsKey = 'apiextensions.k8s.io/customresourcedefinitions';

function markDefinition(kernel: Kernel, crd: KubeObject): void {
  const now = timestamp(kernel.now());
  crd.metadata.deletionTimestamp = now;
  if (!crd.metadata.finalizers?.includes(cleanup))
    crd.metadata.finalizers = [...(crd.metadata.finalizers ?? []), cleanup];
  const terminating = {
    lastTransitionTime: now,
    message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    reason: 'InstanceDeletionPending',
    status: 'True',
    type: 'Terminating',
  };
  const others = (crd.status?.conditions ?? []) as { type: string }[];
  crd.status = { ...crd.status, conditions: [...others.filter(one => one.type !== 'Terminating'), terminating] };
}

function mark(kernel: Kernel, definition: ResourceDefinition, next: KubeObject, options: DeleteOptions): void {
  const { metadata } = next;
  const grace = gracePeriod(definition, next, options);
  if (metadata.deletionTimestamp) {
    const left = metadata.deletionGracePeriodSeconds ?? 0;
    if (grace < left) metadata.deletionGracePeriodSeconds = grace;
    return;
  }
  if (definition.storageKey === definitionsKey) {
    markDefinition(kernel, next);
    return;
  }
  metadata.deletionTimestamp = timestamp(new Date(kernel.now().getTime() + grace * 1000));
  metadata.deletionGracePeriodSeconds = grace;
  if (metadata.generation) metadata.generation++;
  if (definition.storageKey === '/namespaces') {
    delete metadata.deletionGracePeriodSeconds;
    next.status = { ...next.status, phase: 'Terminating' };
  }
}

/** Only a pod that runs on a node gets time to end; the kubelet (here: the simulation) deletes it with 0 then. */
function gracePeriod(definition: ResourceDefinition, object: KubeObject, options: DeleteOptions): number {
  if (definition.storageKey !== '/pods' || !object.spec?.nodeName) return 0;
  if (['Succeeded', 'Failed'].includes(object.status?.phase)) return 0;
  return options.gracePeriodSeconds ?? object.spec.terminationGracePeriodSeconds ?? 30;
}

function sameMarks(before: KubeObject, after: KubeObject): boolean {
  const [a, b] = [before.metadata, after.metadata];
  return (
    a.deletionTimestamp === b.deletionTimestamp &&
    a.deletionGracePeriodSeconds === b.deletionGracePeriodSeconds &&
    (a.finalizers ?? []).join() === (b.finalizers ?? []).join()
  );
}
