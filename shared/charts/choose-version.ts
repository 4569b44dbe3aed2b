import { compareVersions, inRange, parseRange, parseTagVersion, type Version } from '../api/version.ts';
import { ChartError } from './errors.ts';
import type { IndexedVersion } from './index-version.ts';

/**
 * The version that is meant by `wanted`: the one written exactly so, or the highest of the range (`*` and '' for any
 * that is no pre-release). Of equal ones the one that was made last counts. Throws ChartError NotFound, or a
 * VersionRangeError.
 */
export function chooseVersion(
  chart: string,
  versions: readonly IndexedVersion[] | undefined,
  wanted: string,
): IndexedVersion {
  if (!versions) throw new ChartError('NotFound', `no chart name found: the index has no chart '${chart}'`);
  if (versions.length === 0) throw new ChartError('NotFound', `no chart version found for '${chart}'`);
  const chosen = highest(versions, wanted, item => item);
  if (!chosen) throw new ChartError('NotFound', `no '${chart}' chart with version matching '${wanted}' found`);
  return chosen;
}

/** As {@link chooseVersion}, of tags. Undefined when none is in the range. */
export function chooseTag(tags: readonly string[], wanted: string): string | undefined {
  return highest(tags, wanted, version => ({ version }));
}

function highest<T>(
  items: readonly T[],
  wanted: string,
  of: (item: T) => { version: string; created?: string | undefined },
): T | undefined {
  const exact = wanted === '' ? undefined : items.find(item => of(item).version === wanted);
  if (exact !== undefined) return exact;
  const range = parseRange(wanted === '' ? '*' : wanted);
  let best: { item: T; version: Version; created: number } | undefined;
  for (const item of items) {
    const { version: text, created = '' } = of(item);
    const version = parseTagVersion(text);
    if (!version || !inRange(version, range)) continue;
    const candidate = { item, version, created: Date.parse(created) || 0 };
    const order = best ? compareVersions(version, best.version) : 1;
    if (order > 0 || (order === 0 && candidate.created > best!.created)) best = candidate;
  }
  return best?.item;
}
