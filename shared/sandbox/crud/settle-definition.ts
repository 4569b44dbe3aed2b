import type { KubeObject } from '../../api/object.ts';
import { sameValue } from '../objects/same-value.ts';
import { clone } from './clone.ts';
import { type Kernel, timestamp } from './kernel.ts';

/** Holds a definition until its instances are gone. */
export const cleanup = 'customresourcecleanup.apiextensions.k8s.io';

interface CrdCondition {
  type: string;
  status: string;
  lastTransitionTime: string;
  reason: string;
  message: string;
}

/** Whether the definition's names were accepted once, so that it is served. */
export function isEstablished(crd: KubeObject): boolean {
  const conditions = (crd.status?.conditions ?? []) as CrdCondition[];
  return conditions.some(condition => condition.type === 'Established' && condition.status === 'True');
}

/** What a definition leaves out of its names. */
export function completeNames({ spec }: KubeObject): void {
  spec.names = { ...spec.names };
  const { names } = spec;
  if (names.kind) {
    names.singular ||= String(names.kind).toLowerCase();
    names.listKind ||= `${names.kind}List`;
  }
  spec.conversion ??= { strategy: 'None' };
}

/**
 * What the API server makes of a new or changed definition before it is stored: whether the names are free, and the
 * versions that were ever stored.
 */
export function settleDefinition(crd: KubeObject, kernel: Kernel): void {
  const { spec } = crd;
  const { names } = spec;
  const status = { ...crd.status };
  const clash = nameClash(crd, kernel);
  status.acceptedNames = clash ? (status.acceptedNames ?? { plural: '', kind: '' }) : clone(names);
  const stored = ((spec.versions ?? []) as { name: string; storage: boolean }[]).find(version => version.storage);
  status.storedVersions = [...new Set([...(status.storedVersions ?? []), ...(stored ? [stored.name] : [])])];
  const accepted = clash
    ? { type: 'NamesAccepted', status: 'False', reason: clash.reason, message: clash.message }
    : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' };
  const before = (status.conditions ?? []) as CrdCondition[];
  const established =
    !clash || isEstablished(crd)
      ? {
          type: 'Established',
          status: 'True',
          reason: 'InitialNamesAccepted',
          message: 'the initial names have been accepted',
        }
      : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
  const now = timestamp(kernel.now());
  const others = before.filter(condition => !['NamesAccepted', 'Established'].includes(condition.type));
  status.conditions = [...[accepted, established].map(condition => timed(condition, before, now)), ...others];
  crd.status = status;
}

function timed(condition: Omit<CrdCondition, 'lastTransitionTime'>, before: CrdCondition[], now: string): CrdCondition {
  const old = before.find(other => other.type === condition.type);
  const same = old && sameValue({ ...old, lastTransitionTime: '' }, { ...condition, lastTransitionTime: '' });
  const { type, status, reason, message } = condition;
  return {
    lastTransitionTime: same || old?.status === status ? (old?.lastTransitionTime ?? now) : now,
    message,
    reason,
    status,
    type,
  };
}

function nameClash(crd: KubeObject, kernel: Kernel): { reason: string; message: string } | undefined {
  const { group, names } = crd.spec as {
    group: string;
    names: { plural: string; singular: string; kind: string; listKind: string; shortNames?: string[] };
  };
  for (const other of kernel.registry.all()) {
    if (other.group !== group || other.plural === names.plural) continue;
    const taken = new Set([other.plural, other.singular, ...other.shortNames]);
    for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])])
      if (taken.has(name)) return { reason: 'NameConflict', message: `${JSON.stringify(name)} is already in use` };
    if (other.kind === names.kind)
      return { reason: 'KindConflict', message: `${JSON.stringify(names.kind)} is already in use` };
    if (other.listKind === names.listKind)
      return { reason: 'ListKindConflict', message: `${JSON.stringify(names.listKind)} is already in use` };
  }
  return undefined;
}
