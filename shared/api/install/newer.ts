import { compare, parse } from 'semver';
import { fluxVersion } from '../crd.ts';
import { kinds } from '../kinds.ts';
import type { KubeObject } from '../object.ts';

/** Why a CRD of the cluster is newer than ours: it must be left alone. */
export interface Newer {
  crd: string;
  reason: string;
}

/**
 * Whether a CRD in the cluster comes from a later release than ours, and why; undefined when ours may replace it.
 * It is newer when its release label says so, or, with no usable label, when it has a version that we do not know and
 * that ranks above our storage version: replacing it would make stored objects unreadable.
 */
export function newerThanOurs(existing: KubeObject): Newer | undefined {
  const crd = existing.metadata.name;
  const theirs = parse(existing.metadata.labels?.['app.kubernetes.io/version'] ?? '');
  const ours = parse(fluxVersion)!;
  if (theirs && compare(theirs, ours) > 0)
    return { crd, reason: `it comes from release v${theirs.version}, this is ${fluxVersion}` };
  const definition = kinds.find(kind => `${kind.plural}.${kind.group}` === crd);
  if (!definition) return undefined;
  const versions: { name: string; served?: boolean; storage?: boolean }[] = existing.spec?.versions ?? [];
  const unknown = versions
    .map(version => version.name)
    .filter(name => !definition.servedVersions.includes(name) && rank(name) > rank(definition.version));
  return unknown.length
    ? { crd, reason: `it has the version ${unknown.join(', ')}, which this release does not know` }
    : undefined;
}

/** Kubernetes' order of versions as a number: v2 above v1 above v1beta2 above v1beta1 above v1alpha1 above anything else. */
function rank(version: string): number {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (!match) return -1;
  const stage = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0;
  return stage * 1_000_000 + Number(match[1]) * 1000 + Number(match[3] ?? 0);
}
