import type { KubeObject } from '../../api/object.ts';
import type { ClusterView } from './cluster-view.ts';

/** How a pod fails. */
export type Failure = 'image-pull' | 'crash' | 'unschedulable';

/**
 * On a pod template, or on the Deployment, ReplicaSet, StatefulSet, DaemonSet or Job itself: makes its pods fail.
 * `true` and `crash`: the containers exit with 1; `image-pull`: their image cannot be pulled; `unschedulable`: no node takes
 * them. Taken away from the workload itself, its pods recover.
 */
export const failAnnotation = 'sandbox.sluice.dev/fail';

/** Images that fail without an annotation: the tag `fail` crashes, a name or tag with `does-not-exist` cannot be pulled. */
const crashingTag = /:fail$/;
const missingImage = /does-not-exist/;

/** How the pod fails; undefined when it runs. */
export function failureOf(pod: KubeObject, view: ClusterView): Failure | undefined {
  for (let object: KubeObject | undefined = pod; object; object = view.controllerOf(object)) {
    const asked = object.metadata.annotations?.[failAnnotation];
    if (asked !== undefined) return parse(asked);
  }
  const images = [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])].map(container =>
    String(container.image ?? ''),
  );
  if (images.some(image => missingImage.test(image))) return 'image-pull';
  return images.some(image => crashingTag.test(image)) ? 'crash' : undefined;
}

function parse(text: string): Failure | undefined {
  if (text === 'image-pull' || text === 'unschedulable') return text;
  return text === 'true' || text === 'crash' ? 'crash' : undefined;
}
