import type { KubeObject } from '../../api/object.ts';
import { badRequest, invalid, noSuchPath } from '../faults.ts';
import { formatLabelSelector } from '../selectors.ts';
import { clone } from './clone.ts';
import type { Kernel, Target, WriteOptions } from './kernel.ts';
import { inVersion, liveEntry, replaceObject } from './write.ts';

/** The autoscaling/v1 Scale that stands for an object at its scale subresource. */
export function readScale(kernel: Kernel, target: Target): KubeObject {
  return scaleOf(target, inVersion(target, liveEntry(kernel, target)));
}

function pathParts(path: string): string[] {
  return path.replace(/^\./, '').split('.');
}

function at(object: unknown, path: string): unknown {
  let value = object;
  for (const part of pathParts(path)) value = (value as Record<string, unknown> | undefined)?.[part];
  return value;
}

function scaleOf(target: Target, object: KubeObject): KubeObject {
  const paths = target.version.scale;
  if (!paths) throw noSuchPath();
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const specReplicas = at(object, paths.specReplicasPath);
  const selector = paths.labelSelectorPath
    ? String(at(object, paths.labelSelectorPath) ?? '')
    : workloadSelector(object);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp } as KubeObject['metadata'],
    spec: specReplicas === undefined ? {} : { replicas: specReplicas },
    status: { replicas: at(object, paths.statusReplicasPath) ?? 0, ...(selector ? { selector } : {}) },
  };
}

/** ReplicationControllers select by a plain map, all others by a LabelSelector. */
function workloadSelector(object: KubeObject): string {
  const selector = object.spec?.selector;
  return formatLabelSelector(object.kind === 'ReplicationController' ? { matchLabels: selector } : selector);
}

/** Writes `spec.replicas` of a Scale into the object; `change` makes the new Scale out of the current one. */
export function writeScale(
  kernel: Kernel,
  target: Target,
  options: WriteOptions,
  change: (scale: KubeObject) => KubeObject,
): KubeObject {
  const entry = liveEntry(kernel, target);
  const live = inVersion(target, entry);
  const scale = change(scaleOf(target, live));
  scale.kind ??= 'Scale';
  if (scale.kind !== 'Scale')
    throw badRequest(`the kind in the data (${scale.kind}) does not match the expected kind (Scale)`);
  const replicas: unknown = scale.spec?.replicas ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0)
    throw invalid('autoscaling', 'Scale', target.name, [
      {
        type: 'FieldValueInvalid',
        field: 'spec.replicas',
        value: replicas,
        detail: 'must be greater than or equal to 0',
      },
    ]);
  const next = clone(live);
  const given = scale.metadata?.resourceVersion;
  if (given) next.metadata.resourceVersion = given;
  else delete next.metadata.resourceVersion;
  let parent: Record<string, unknown> = next;
  const parts = pathParts(target.version.scale!.specReplicasPath);
  for (const part of parts.slice(0, -1)) {
    parent[part] ??= {};
    parent = parent[part] as Record<string, unknown>;
  }
  parent[parts.at(-1)!] = replicas;
  return scaleOf(target, replaceObject(kernel, target, entry, next, options));
}
