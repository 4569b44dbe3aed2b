import type { KubeObject } from '../../api/object.ts';
import { SimulationError } from '../simulation-api.ts';
import type { ClusterView } from './cluster-view.ts';

const volumeType = { apiVersion: 'v1', kind: 'PersistentVolume' };

/** Binds a claim at once to a volume made for it, as a dynamic provisioner does. */
export function syncClaim(claim: KubeObject, view: ClusterView): void {
  if (claim.metadata.deletionTimestamp || claim.status?.phase === 'Bound') return;
  const volumeName: string = claim.spec.volumeName ?? `pvc-${claim.metadata.uid}`;
  createVolume(claim, volumeName, view);
  const bound = claim.spec.volumeName ? claim : view.update({ ...claim, spec: { ...claim.spec, volumeName } });
  const { accessModes, resources } = claim.spec;
  view.updateStatus(bound, { phase: 'Bound', accessModes, capacity: { storage: resources.requests.storage } });
}

function createVolume(claim: KubeObject, name: string, view: ClusterView): void {
  if (view.api.get(volumeType, undefined, name)) return;
  const { accessModes, resources, storageClassName, volumeMode } = claim.spec;
  const { namespace, name: claimName, uid } = claim.metadata;
  try {
    const volume = view.create({
      ...volumeType,
      metadata: { name, annotations: { 'pv.kubernetes.io/provisioned-by': 'sandbox.sluice.dev' } },
      spec: {
        accessModes,
        capacity: { storage: resources.requests.storage },
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name: claimName, namespace, uid },
        hostPath: { path: `/var/local/${name}`, type: '' },
        persistentVolumeReclaimPolicy: 'Delete',
        ...(storageClassName ? { storageClassName } : {}),
        ...(volumeMode ? { volumeMode } : {}),
      },
    });
    view.api.updateStatus({ ...volume, status: { phase: 'Bound' } }, { manager: 'kube-controller-manager' });
  } catch (error) {
    if (!(error instanceof SimulationError) || error.reason !== 'AlreadyExists') throw error;
  }
}

/** A claim that is gone takes the volume along that was made for it. */
export function forgetClaim(claim: KubeObject, view: ClusterView): void {
  const name = claim.spec.volumeName;
  if (name === `pvc-${claim.metadata.uid}`) view.api.delete(volumeType, undefined, name);
}
