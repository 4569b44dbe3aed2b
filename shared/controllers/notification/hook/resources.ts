import type { Receiver } from '../../../api/notification/receiver.ts';
import type { KubeObject, TypeRef } from '../../../api/object.ts';
import { ApiError, type Cluster } from '../../../ports/cluster.ts';
import type { Log } from '../../../ports/ports.ts';

/** An object that a Receiver names, in the API version in which it is named. */
export interface Requested {
  type: TypeRef;
  namespace: string;
  name: string;
  /** Read only when a filter asks for it. */
  object?: KubeObject;
}

/** A resource of the Receiver that could not be resolved or asked; the others are. */
export class ResourceFailed extends Error {
  readonly code = 'ResourceFailed';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ResourceFailed';
  }
}

type Resource = Receiver['spec']['resources'][number];

/** The API versions of kinds that may be named without one: the sources, as in Flux. */
const defaultVersions: Record<string, string> = {
  Bucket: 'source.toolkit.fluxcd.io/v1',
  HelmChart: 'source.toolkit.fluxcd.io/v1',
  HelmRepository: 'source.toolkit.fluxcd.io/v1',
  GitRepository: 'source.toolkit.fluxcd.io/v1',
  OCIRepository: 'source.toolkit.fluxcd.io/v1',
  ImageRepository: 'image.toolkit.fluxcd.io/v1',
  ArtifactGenerator: 'source.extensions.fluxcd.io/v1beta1',
};

/**
 * The objects that one entry of spec.resources stands for. A name is taken as it is; `*` costs one LIST. Throws
 * ResourceFailed when the entry cannot be understood, and whatever the cluster throws.
 */
export async function resolveResource(
  cluster: Cluster,
  resource: Resource,
  home: string,
  options: { noCrossNamespaceRefs: boolean; log: Log; filtered?: boolean },
): Promise<Requested[]> {
  const namespace = resource.namespace || home;
  const label = `${resource.kind} ${namespace}/${resource.name}`;
  if (options.noCrossNamespaceRefs && namespace !== home)
    throw new ResourceFailed(`${label}: cross-namespace references are not allowed`);
  const apiVersion = resource.apiVersion || defaultVersions[resource.kind];
  if (!apiVersion) throw new ResourceFailed(`${label}: apiVersion must be specified for kind "${resource.kind}"`);
  const type = { apiVersion, kind: resource.kind };
  if (resource.name !== '*') {
    const named = { type, namespace, name: resource.name };
    if (!options.filtered) return [named];
    const object = await cluster.get<KubeObject>(type, namespace, resource.name);
    if (!object) throw new ResourceFailed(`${label}: not found`);
    return [{ ...named, object }];
  }
  if (!resource.matchLabels)
    throw new ResourceFailed(`${label}: matchLabels field not set when using wildcard '*' as name`);
  const labelSelector = Object.entries(resource.matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const list = await cluster.list(type, { namespace, labelSelector, metadataOnly: true }).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404)
      throw new ResourceFailed(`${label}: the cluster does not know the kind ${apiVersion} ${resource.kind}`);
    throw error;
  });
  if (list.items.length === 0)
    options.log.warn('no object has the labels that the Receiver selects', { resource: label, labels: labelSelector });
  return list.items.map(item => ({ type, namespace, name: item.metadata.name, object: { ...item, ...type } }));
}
