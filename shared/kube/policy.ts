import type { KubeObject } from '../api/object.ts';

/** The annotations (or labels) of the owner's group that say how one object is to be treated. */
export interface Policy {
  /** Never written, never pruned. */
  excluded(object: KubeObject): boolean;
  ifNotPresent(object: KubeObject): boolean;
  /** Fields that kubectl added are left alone. */
  merge(object: KubeObject): boolean;
  force(object: KubeObject): boolean;
  pruneDisabled(object: KubeObject): boolean;
}

export function policyOf(group: string): Policy {
  const has = (object: KubeObject, key: string, value: string): boolean =>
    object.metadata.labels?.[`${group}/${key}`]?.toLowerCase() === value ||
    object.metadata.annotations?.[`${group}/${key}`]?.toLowerCase() === value;
  return {
    excluded: object => has(object, 'reconcile', 'disabled') || has(object, 'ssa', 'ignore'),
    ifNotPresent: object => has(object, 'ssa', 'ifnotpresent'),
    merge: object => has(object, 'ssa', 'merge'),
    force: object => has(object, 'force', 'enabled'),
    pruneDisabled: object => has(object, 'prune', 'disabled'),
  };
}

export interface Owner {
  /** `kustomize.toolkit.fluxcd.io`, `helm.toolkit.fluxcd.io`. */
  group: string;
  name: string;
  namespace: string;
}

export function ownerLabels(owner: Owner): Record<string, string> {
  return { [`${owner.group}/name`]: owner.name, [`${owner.group}/namespace`]: owner.namespace };
}

/** Selects what the owner applied. */
export function ownerSelector(owner: Owner): string {
  return Object.entries(ownerLabels(owner))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

export function isOwnedBy(object: KubeObject, owner: Owner): boolean {
  return Object.entries(ownerLabels(owner)).every(([key, value]) => object.metadata.labels?.[key] === value);
}
