import type { Kustomization } from '../../api/kustomize/kustomization.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Cluster } from '../../ports/cluster.ts';
import { RetryError } from '../../reconcile/errors.ts';

/**
 * The variables of `spec.postBuild`: those of the named ConfigMaps and Secrets, later ones winning, then the inline ones.
 * Undefined when the spec wants nothing substituted.
 */
export async function variablesOf(
  cluster: Cluster,
  object: Kustomization,
): Promise<Record<string, string> | undefined> {
  const { postBuild } = object.spec;
  if (!postBuild) return undefined;
  const namespace = object.metadata.namespace ?? '';
  const references = postBuild.substituteFrom ?? [];
  const found = await Promise.all(
    references.map(({ kind, name }) => cluster.get({ apiVersion: 'v1', kind }, namespace, name)),
  );
  const variables: Record<string, string> = {};
  for (const [position, { kind, name, optional }] of references.entries()) {
    const source = found[position];
    if (!source && !optional)
      throw new RetryError(
        'BuildFailed',
        `post build failed: substitute from '${kind}/${name}' error: ${kind.toLowerCase()}s "${name}" not found`,
      );
    if (source) Object.assign(variables, dataOf(source));
  }
  return { ...variables, ...postBuild.substitute };
}

/** The data of a ConfigMap, or of a Secret decoded. */
export function dataOf(source: KubeObject): Record<string, string> {
  const decode = (value: string) => (source.kind === 'Secret' ? Buffer.from(value, 'base64').toString('utf8') : value);
  const data = (source.data ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, decode(value)]));
}
