import type { KubeObject } from '../../api/object.ts';
import { SimulationError } from '../simulation-api.ts';
import type { ClusterView } from './cluster-view.ts';
import { ownerOf } from './cluster-view.ts';
import { contentHash } from './pods.ts';

export const revisionLabel = 'controller-revision-hash';

const type = { apiVersion: 'apps/v1', kind: 'ControllerRevision' };

/** The hash of a StatefulSet's or DaemonSet's template; makes the ControllerRevision that keeps it when there is none yet. */
export function currentRevision(owner: KubeObject, view: ClusterView): string {
  const { template } = owner.spec;
  const hash = contentHash(template);
  const name = `${owner.metadata.name}-${hash}`;
  const { namespace } = owner.metadata;
  if (view.api.get(type, namespace, name)) return hash;
  const siblings = view.api
    .list(type, namespace ? { namespace } : {})
    .filter(revision => revision.metadata.ownerReferences?.some(reference => reference.uid === owner.metadata.uid));
  const revision = Math.max(0, ...siblings.map(sibling => Number(sibling.revision ?? 0))) + 1;
  try {
    view.create({
      ...type,
      metadata: {
        name,
        ...(namespace ? { namespace } : {}),
        labels: { ...template.metadata?.labels, [revisionLabel]: hash },
        ownerReferences: ownerOf(owner),
      },
      data: { spec: { template: { ...structuredClone(template), $patch: 'replace' } } },
      revision,
    });
  } catch (error) {
    if (!(error instanceof SimulationError) || error.reason !== 'AlreadyExists') throw error;
  }
  return hash;
}
