import * as z from 'zod';
import { parseVersion } from '../api/version.ts';

/** A version of a chart, as far as an index has to be known to get it. */
export const IndexedVersion = z.object({
  /** As the entry says, which may differ from the key it stands under. */
  name: z.string(),
  version: z.string(),
  /** Absolute, or relative to the repository. */
  urls: z.array(z.string()),
  /** RFC 3339. */
  created: z.string().optional(),
  /** SHA-256 of the archive in hex, with or without an algorithm before it. */
  digest: z.string().optional(),
});
export type IndexedVersion = z.infer<typeof IndexedVersion>;

/** The fields of an entry that are looked at. */
export interface RawVersion {
  name: string;
  version: string;
  type: string;
  created: string;
  digest: string;
  urls: string[];
}

/** Gets every chart once, with those of its versions that are valid. */
export type ChartSink = (chart: string, versions: IndexedVersion[]) => void;

export const emptyVersion = (): RawVersion => ({
  name: '',
  version: '',
  type: '',
  created: '',
  digest: '',
  urls: [],
});

/** The entry, unless it is one that Helm passes over: without a name or a version, or not a chart's. */
export function validVersion(raw: RawVersion): IndexedVersion | undefined {
  const { name, version, type, created, digest, urls } = raw;
  if (name === '' || name.includes('/') || name === '.' || name === '..') return undefined;
  if (!parseVersion(version)) return undefined;
  if (type !== '' && type !== 'application' && type !== 'library') return undefined;
  return { name, version, urls, ...(created ? { created } : {}), ...(digest ? { digest } : {}) };
}
