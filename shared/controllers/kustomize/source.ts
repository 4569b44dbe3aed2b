import { apiVersionOf, kindOf } from '../../api/kinds.ts';
import type { Kustomization } from '../../api/kustomize/kustomization.ts';
import type { KubeObject } from '../../api/object.ts';
import { StalledError } from '../../reconcile/errors.ts';
import type { Outcome } from '../../reconcile/outcome.ts';
import { type Artifact, retryAfter, type Work } from './subject.ts';

/** How soon something that is not there yet is looked for again, though whoever makes it sends word. */
export const dependencyRetryMs = 30_000;

/** Reads the source. Until it has an artifact there is nothing to do. */
export async function findSource(work: Work): Promise<Outcome | undefined> {
  const { sourceRef } = work.object.spec;
  const definition = kindOf(sourceRef.kind);
  if (!definition)
    throw new StalledError('UnsupportedField', `sources of kind ${sourceRef.kind} are not supported yet`);
  const namespace = sourceNamespace(work.object);
  if (work.settings.noCrossNamespaceRefs && namespace !== work.object.metadata.namespace)
    throw new StalledError(
      'AccessDenied',
      `can't access '${sourceRef.kind}/${namespace}/${sourceRef.name}', cross-namespace references have been blocked`,
    );
  const type = { apiVersion: apiVersionOf(definition), kind: sourceRef.kind };
  // A new artifact wakes all that use it at once.
  const source = await (work.cluster.getShared
    ? work.cluster.getShared<KubeObject>(type, namespace, sourceRef.name)
    : work.cluster.get<KubeObject>(type, namespace, sourceRef.name));
  if (!source) {
    const message = `${definition.kind}.${definition.group} "${sourceRef.name}" not found`;
    return artifactMissing(message, retryAfter(work.object));
  }
  const artifact = source.status?.artifact as Artifact | undefined;
  if (!artifact?.digest) return artifactMissing('Source artifact not found, retrying in 30s', dependencyRetryMs);
  work.artifact = artifact;
  return undefined;
}

export function artifactMissing(message: string, afterMs: number): Outcome {
  return { type: 'waiting', ready: 'False', reason: 'ArtifactFailed', message, afterMs };
}

export function sourceNamespace({ spec, metadata }: Kustomization): string {
  return spec.sourceRef.namespace || metadata.namespace || '';
}
