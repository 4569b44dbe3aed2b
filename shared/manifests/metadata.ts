import type { KubeObject } from '../api/object.ts';

/** The group whose labels say which Kustomization an object belongs to. */
const ownerGroup = 'kustomize.toolkit.fluxcd.io';

export interface Owner {
  name: string;
  namespace: string;
}

/** The labels by which an object names the Kustomization that applied it. */
export function ownerLabels(owner: Owner, group = ownerGroup): Record<string, string> {
  return { [`${group}/name`]: owner.name, [`${group}/namespace`]: owner.namespace };
}

/** The objects with the labels of their owner, which take the place of those of a former one. */
export function withOwnerLabels(objects: KubeObject[], owner: Owner, group = ownerGroup): KubeObject[] {
  return withCommonMetadata(objects, { labels: ownerLabels(owner, group) });
}

export interface CommonMetadata {
  labels?: Record<string, string> | undefined;
  annotations?: Record<string, string> | undefined;
}

/** The objects with labels and annotations that win over their own (spec.commonMetadata). Nothing is changed in place. */
export function withCommonMetadata(objects: KubeObject[], common: CommonMetadata | undefined): KubeObject[] {
  const labels = common?.labels ?? {};
  const annotations = common?.annotations ?? {};
  const hasLabels = Object.keys(labels).length > 0;
  const hasAnnotations = Object.keys(annotations).length > 0;
  if (!hasLabels && !hasAnnotations) return objects;
  return objects.map(object => ({
    ...object,
    metadata: {
      ...object.metadata,
      ...(hasLabels ? { labels: { ...object.metadata.labels, ...labels } } : {}),
      ...(hasAnnotations ? { annotations: { ...object.metadata.annotations, ...annotations } } : {}),
    },
  }));
}

/**
 * The objects as a Kustomization applies them: with the common metadata, and with the owner's labels above all.
 */
export function withMetadata(objects: KubeObject[], owner: Owner, common: CommonMetadata | undefined): KubeObject[] {
  return withOwnerLabels(withCommonMetadata(objects, common), owner);
}
