import type { KubeObject } from '../../api/object.ts';
import type { ClusterView } from './cluster-view.ts';
import { balancerAddress } from './service.ts';

/** Gives an Ingress the address of a load balancer. */
export function syncIngress(ingress: KubeObject, view: ClusterView): void {
  if (ingress.metadata.deletionTimestamp || ingress.status?.loadBalancer?.ingress?.length) return;
  view.updateStatus(ingress, { loadBalancer: { ingress: [{ ip: balancerAddress(ingress) }] } }, 'ingress-controller');
}
