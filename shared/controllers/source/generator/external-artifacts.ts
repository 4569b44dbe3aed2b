import { isDeepStrictEqual } from 'node:util';
import { apiVersionOf } from '../../../api/kinds.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { Artifact } from '../../../api/source/artifact.ts';
import { type ArtifactGenerator, artifactGeneratorKind } from '../../../api/source/artifact-generator.ts';
import { externalArtifactKind } from '../../../api/source/external-artifact.ts';
import { ApiError } from '../../../ports/cluster.ts';
import type { Context } from '../../../reconcile/controller.ts';
import { wakeDependents } from '../../../reconcile/dependents.ts';
import { inParallel } from '../../../reconcile/in-parallel.ts';
import { never, recordOf } from '../../../reconcile/record.ts';
import { rfc3339 } from '../../../reconcile/summarize.ts';

export const externalArtifactType = { apiVersion: apiVersionOf(externalArtifactKind), kind: externalArtifactKind.kind };

/** Requests to a cluster or the store on behalf of one generator. */
export const requestsAtOnce = 8;

/** Names the generator of an ExternalArtifact by its uid; reserved. */
export const generatorLabel = 'source.extensions.fluxcd.io/generator';
const manager = artifactGeneratorKind.fieldManager;

/** The ExternalArtifacts that a generator has made, by name: one list. */
export async function listOwn({ cluster, object }: Context<ArtifactGenerator>): Promise<Map<string, KubeObject>> {
  const { namespace = '', uid = '' } = object.metadata;
  const options = { namespace, labelSelector: `${generatorLabel}=${uid}` };
  const { items } = await cluster.list<KubeObject>(externalArtifactType, options);
  return new Map(items.map(item => [item.metadata.name, { ...item, ...externalArtifactType }]));
}

/** What the ExternalArtifact of a request is to be. */
export interface Wanted {
  name: string;
  /** Captured by the path pattern. */
  labels: Record<string, string>;
  artifact: Artifact;
}

/**
 * Makes one ExternalArtifact as it is wanted, and wakes those that use it when its artifact is another than before. Nothing
 * is written when `known`, the object as it was listed, is like that already. Returns its artifact.
 */
export async function writeExternalArtifact(
  context: Context<ArtifactGenerator>,
  { name, labels, artifact }: Wanted,
  known: KubeObject | undefined,
): Promise<Artifact> {
  const { object, cluster, ports, key, trace } = context;
  const metadata = { name, namespace: key.namespace, ...metadataOf(object, labels) };
  const sourceRef = {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name: object.metadata.name,
    namespace: key.namespace,
  };
  const wanted = { ...externalArtifactType, metadata, spec: { sourceRef } };
  const options = { fieldManager: manager, force: true };
  const applied = known && holds(known, wanted) ? known : await cluster.apply<KubeObject>(wanted, options);
  const before: Artifact | undefined = applied.status?.artifact;
  const same = before !== undefined && isSame(before, artifact);
  if (same && isReady(applied)) return before;
  const written = await cluster.apply<KubeObject>(
    {
      ...externalArtifactType,
      metadata: { name, namespace: key.namespace },
      status: { artifact: same ? before : artifact, conditions: [readyCondition(applied, ports.clock.now())] },
    },
    { ...options, subresource: 'status' },
  );
  const its = { ...key, kind: externalArtifactKind.kind, name };
  // In this order: whoever is woken reads what was written; and what is recorded is no news to the watch.
  if (!same) await wakeDependents(its, ports, trace);
  await ports.index.putObject(recordOf(its, { ...written, ...externalArtifactType }, never));
  return same ? before : artifact;
}

function metadataOf(object: ArtifactGenerator, captured: Record<string, string>): Partial<KubeObject['metadata']> {
  const common = object.spec?.commonMetadata;
  return {
    labels: {
      ...common?.labels,
      ...captured,
      'app.kubernetes.io/managed-by': manager,
      [generatorLabel]: object.metadata.uid ?? '',
    },
    ...(common?.annotations && Object.keys(common.annotations).length > 0 ? { annotations: common.annotations } : {}),
  };
}

/** Whether an object has all that is wanted of it. What others added is theirs; what is no longer wanted has to be taken away by an apply. */
function holds(known: KubeObject, wanted: KubeObject): boolean {
  return (
    isDeepStrictEqual(known.spec?.sourceRef, wanted.spec.sourceRef) &&
    isDeepStrictEqual(known.metadata.labels ?? {}, wanted.metadata.labels ?? {}) &&
    isDeepStrictEqual(known.metadata.annotations ?? {}, wanted.metadata.annotations ?? {})
  );
}

/** The time of the last write is not what makes an artifact another. */
function isSame(a: Artifact, b: Artifact): boolean {
  const { lastUpdateTime: _, ...left } = a;
  const { lastUpdateTime: __, ...right } = b;
  return isDeepStrictEqual(left, right);
}

function isReady({ status, metadata }: KubeObject): boolean {
  const ready = readyOf(status);
  return ready?.status === 'True' && ready.observedGeneration === metadata.generation;
}

interface Ready {
  status?: string;
  observedGeneration?: number;
  lastTransitionTime?: string;
}

/** Anyone may have written the status. */
function readyOf(status: KubeObject['status']): Ready | undefined {
  const conditions: unknown = status?.conditions;
  return Array.isArray(conditions) ? conditions.find(condition => condition?.type === 'Ready') : undefined;
}

function readyCondition({ status, metadata }: KubeObject, now: number): object {
  const before = readyOf(status);
  return {
    type: 'Ready',
    status: 'True',
    reason: 'Succeeded',
    message: 'Artifact is ready',
    observedGeneration: metadata.generation,
    lastTransitionTime: (before?.status === 'True' && before.lastTransitionTime) || rfc3339(now),
  };
}

/** Deletes ExternalArtifacts by name; one that is not there, or is not this generator's (any more), is left alone. */
export async function deleteExternalArtifacts(
  { cluster, key, object, ports }: Context<ArtifactGenerator>,
  names: readonly string[],
): Promise<void> {
  await inParallel(names, requestsAtOnce, async name => {
    const found = await cluster.get<KubeObject>(externalArtifactType, key.namespace, name);
    if (found && found.metadata.labels?.[generatorLabel] === object.metadata.uid) {
      const uid = found.metadata.uid;
      await cluster.delete(externalArtifactType, key.namespace, name, uid ? { uid } : {}).catch((error: unknown) => {
        // Another of its name took its place meanwhile.
        if (!(error instanceof ApiError && error.status === 409)) throw error;
      });
    }
    await ports.index.removeObject({ ...key, kind: externalArtifactKind.kind, name });
  });
}
