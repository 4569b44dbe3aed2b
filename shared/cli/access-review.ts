import type { KubeObject } from '../api/object.ts';
import { ApiError, type Cluster } from '../ports/cluster.ts';

/** Something that Sluice does in a cluster. */
export interface Right {
  verb: string;
  group: string;
  resource: string;
  subresource?: string;
}

/** Whether the credentials may do it anywhere in the cluster: the API server is asked (SelfSubjectAccessReview). */
export async function may(cluster: Cluster, right: Right): Promise<boolean> {
  try {
    const review = await cluster.create<KubeObject>({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      metadata: { name: '' },
      spec: { resourceAttributes: right },
    });
    return review.status?.allowed === true;
  } catch (error) {
    // A server without the authorization API refuses nothing.
    if (error instanceof ApiError && error.status === 404) return true;
    throw error;
  }
}

/** What the credentials may do, asked by what every authenticated user may ask. */
export async function rightsOf(cluster: Cluster): Promise<'all' | 'limited'> {
  return (await may(cluster, { verb: '*', group: '*', resource: '*' })) ? 'all' : 'limited';
}
