import { type KubeObject, keyString, type ObjectKey } from '../api/object.ts';
import type { IndexedObject, ObjectSummary } from '../ports/index.ts';
import { bucketUrl, normalizeUrl } from './repository-url.ts';

/** `dueAt` of an object that nothing but a change wakes: suspended, Stalled, or of a kind without an interval. */
export const never = Number.MAX_SAFE_INTEGER;

/**
 * What the index holds about an object: pure, so that the reconcile, the sweep and the resync write the same. `seen` is the
 * object as whoever acted on it had read it. The answer to a write of the status may hold more: a change that came in
 * between, which nobody has acted on, and whose event must still be news.
 */
export function recordOf(key: ObjectKey, object: KubeObject, dueAt: number, seen: KubeObject = object): IndexedObject {
  const requestedAt = seen.metadata.annotations?.[requestedAtAnnotation];
  const hookPath = object.kind === 'Receiver' ? object.status?.webhookPath : undefined;
  return {
    key,
    uid: object.metadata.uid ?? '',
    generation: seen.metadata.generation ?? 0,
    resourceVersion: seen.metadata.resourceVersion ?? '',
    dueAt,
    ...(requestedAt === undefined ? {} : { requestedAt }),
    refs: refsOf(key, object),
    ...(typeof hookPath === 'string' && hookPath ? { hookPath } : {}),
    urls: urlsOf(object),
    summary: summaryOf(object),
  };
}

/** By `spec.suspend`, or by the annotation that an ArtifactGenerator has in its place. */
export function isSuspended(object: KubeObject): boolean {
  if (object.kind !== 'ArtifactGenerator') return object.spec?.suspend === true;
  return object.metadata.annotations?.['source.extensions.fluxcd.io/reconcile']?.toLowerCase() === 'disabled';
}

export const requestedAtAnnotation = 'reconcile.fluxcd.io/requestedAt';

/** keyString of what the object waits for. References by label (Receivers, Alerts: `name: '*'`) cannot be kept here. */
export function refsOf(key: ObjectKey, object: KubeObject): string[] {
  const spec = object.spec ?? {};
  const refs = new Set<string>();
  const add = (kind: unknown, name: unknown, namespace: unknown) => {
    if (typeof kind !== 'string' || typeof name !== 'string' || name === '' || name === '*') return;
    const place = typeof namespace === 'string' && namespace ? namespace : key.namespace;
    refs.add(keyString({ cluster: key.cluster, kind, namespace: place, name }));
  };
  if (spec.sourceRef) add(spec.sourceRef.kind, spec.sourceRef.name, spec.sourceRef.namespace);
  for (const dependency of list(spec.dependsOn)) add(object.kind, dependency?.name, dependency?.namespace);
  for (const include of list(spec.include)) add('GitRepository', include?.repository?.name, undefined);
  for (const resource of list(spec.resources)) add(resource?.kind, resource?.name, resource?.namespace);
  for (const source of list(spec.postBuild?.substituteFrom)) add(source?.kind, source?.name, undefined);
  for (const source of list(spec.sources)) add(source?.kind, source?.name, source?.namespace);
  if (object.kind === 'Alert') add('Provider', spec.providerRef?.name, undefined);
  return [...refs];
}

/** Kinds whose spec.url is the address of what is pushed to. */
const withUrl = ['GitRepository', 'OCIRepository', 'HelmRepository'];

function urlsOf(object: KubeObject): string[] {
  const { endpoint, bucketName } = object.spec ?? {};
  if (object.kind === 'Bucket') return [bucketUrl(String(endpoint ?? ''), String(bucketName ?? ''))];
  if (!withUrl.includes(object.kind)) return [];
  const url = normalizeUrl(String(object.spec?.url ?? ''));
  return url === undefined ? [] : [url];
}

function summaryOf(object: KubeObject): ObjectSummary {
  const ready = list(object.status?.conditions).find(condition => condition?.type === 'Ready');
  const since = Date.parse(ready?.lastTransitionTime ?? '');
  const createdAt = Date.parse(object.metadata.creationTimestamp ?? '');
  return {
    ready: ready?.status ?? 'Unknown',
    reason: ready?.reason ?? '',
    message: String(ready?.message ?? '').slice(0, 1024),
    revision: object.status?.artifact?.revision ?? object.status?.lastAppliedRevision ?? '',
    suspended: isSuspended(object),
    createdAt: Number.isNaN(createdAt) ? 0 : createdAt,
    since: Number.isNaN(since) ? 0 : since,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: fields of an object that nothing has validated yet
function list(value: unknown): any[] {
  return Array.isArray(value) ? value : [];
}
