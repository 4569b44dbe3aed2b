import { ApiError, type Cluster } from '../ports/cluster.ts';

const ours = ['source-controller', 'source-watcher', 'kustomize-controller', 'notification-controller'];

/** Warnings about controllers of Flux that run in the cluster and would reconcile the same objects. */
export async function fluxControllers(cluster: Cluster): Promise<string[]> {
  try {
    const type = { apiVersion: 'apps/v1', kind: 'Deployment' };
    const { items } = await cluster.list(type, { labelSelector: 'app.kubernetes.io/part-of=flux' });
    const running = items.filter(item => ours.includes(item.metadata.name) && Number(item.spec?.replicas ?? 1) > 0);
    return running.map(
      ({ metadata: { namespace, name } }) =>
        `Flux's own ${name} runs in the namespace ${namespace}, and both would reconcile the same objects; stop it with \`kubectl -n ${namespace} scale deployment ${name} --replicas=0\``,
    );
  } catch (error) {
    // Who may not see Deployments need not: this is a courtesy.
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return [];
    throw error;
  }
}
