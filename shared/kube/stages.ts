import { groupOf, type TypeRef } from '../api/object.ts';
import type { ObjectRef } from './object-id.ts';

/** Definitions first (and waited for), then classes (too), then the rest. */
export type Stage = 'definitions' | 'classes' | 'custom' | 'rest';
export const stages: readonly Stage[] = ['definitions', 'classes', 'custom', 'rest'];

export function stageOf(ref: TypeRef, customKinds: ReadonlySet<string> = new Set()): Stage {
  const group = groupOf(ref.apiVersion);
  if (group === 'apiextensions.k8s.io' && ref.kind === 'CustomResourceDefinition') return 'definitions';
  if (ref.apiVersion === 'v1' && ref.kind === 'Namespace') return 'definitions';
  if (group === 'rbac.authorization.k8s.io' && ref.kind === 'ClusterRole') return 'definitions';
  if (ref.kind.endsWith('Class')) return 'classes';
  return customKinds.has(`${group}/${ref.kind}`) ? 'custom' : 'rest';
}

/** The order in which kinds are reported, and deleted backwards; kinds in neither list go between. */
const first = [
  'CustomResourceDefinition',
  'Namespace',
  'ClusterRole',
  'ClusterClass',
  'RuntimeClass',
  'PriorityClass',
  'StorageClass',
  'VolumeSnapshotClass',
  'IngressClass',
  'GatewayClass',
  'ClusterRoleBinding',
  'ResourceQuota',
  'ServiceAccount',
  'Role',
  'RoleBinding',
  'ConfigMap',
  'Secret',
  'Service',
  'LimitRange',
  'Deployment',
  'StatefulSet',
  'CronJob',
  'PodDisruptionBudget',
];
const last = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];

const rank = new Map<string, number>([
  ...first.map((kind, i): [string, number] => [kind, i - first.length]),
  ...last.map((kind, i): [string, number] => [kind, i + 1]),
]);

/** Sorts by kind, then group, then namespace and name. */
export function compareRefs(a: ObjectRef, b: ObjectRef): number {
  return (
    (rank.get(a.kind) ?? 0) - (rank.get(b.kind) ?? 0) ||
    compareText(groupOf(a.apiVersion), groupOf(b.apiVersion)) ||
    compareText(a.kind, b.kind) ||
    compareText(a.namespace ?? '', b.namespace ?? '') ||
    compareText(a.name, b.name)
  );
}

/**
 * Within a stage: what others need when they start (accounts, rights, configuration, services), then the others, then
 * webhooks, which would stand in the way of those others. Objects of one wave are independent of each other.
 */
export function waveOf(ref: ObjectRef): number {
  const position = rank.get(ref.kind) ?? 0;
  if (position > 0) return 2;
  return position < (rank.get('Deployment') ?? 0) ? 0 : 1;
}

/** Code points, not the machine's language: the same order everywhere. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
