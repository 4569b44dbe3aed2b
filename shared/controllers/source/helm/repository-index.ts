import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ArtifactMissing, artifactKey } from '../../../artifact/layout.ts';
import type { ChartRepository, FoundChart } from '../../../charts/dependencies.ts';
import type { RepositoryAccess } from '../../../charts/http-repository.ts';
import type { IndexedVersion } from '../../../charts/index-version.ts';
import type { Store } from '../../../ports/store.ts';
import { cachePrefix } from '../cache.ts';
import { withDirectory } from '../stored-file.ts';

/** Where lookups of indexes are kept; the number goes up when what is kept of an index changes. */
export const indexPrefix = `${cachePrefix}indexes/v1/`;

/** A version of a chart in a repository with an index. */
export interface IndexedChart extends FoundChart {
  indexed: IndexedVersion;
}

/** The charts of a repository by its index, which is an artifact: HelmCharts read what the index was digested to. */
export function chartsOfArtifact(
  store: Store,
  digest: string,
  access: RepositoryAccess,
): ChartRepository<IndexedChart> {
  return chartsBy(access, async name => {
    const { lookUp, storeLookup } = await import('../../../charts/index-lookup.ts');
    const known = await lookUp(store, indexPrefix, digest, name);
    if (known !== 'no lookup') return known;
    // It was swept, or an older version wrote it: made again, of the index as it was fetched.
    await withDirectory(async dir => {
      const file = join(dir, 'index.yaml');
      const stored = await store.get(artifactKey(digest));
      if (!stored) throw new ArtifactMissing(digest);
      await pipeline(stored.body, createWriteStream(file));
      await storeLookup(store, indexPrefix, digest, file);
    });
    const made = await lookUp(store, indexPrefix, digest, name);
    return made === 'no lookup' ? undefined : made;
  });
}

/** The charts of a repository that no HelmRepository tells of: its index is downloaded, at the first question. */
export function chartsOfDownload(access: RepositoryAccess): ChartRepository<IndexedChart> {
  const load = async () => {
    const { downloadIndex } = await import('../../../charts/http-repository.ts');
    const { readIndex } = await import('../../../charts/index-reader.ts');
    return withDirectory(async dir => {
      const file = join(dir, 'index.yaml');
      await downloadIndex(access, file);
      return new Map((await readIndex(file)).map(({ name, json }) => [name, json]));
    });
  };
  let loading: ReturnType<typeof load> | undefined;
  return chartsBy(access, async name => {
    loading ??= load();
    const json = (await loading).get(name);
    return json === undefined ? undefined : (JSON.parse(json) as IndexedVersion[]);
  });
}

function chartsBy(
  access: RepositoryAccess,
  versionsOf: (name: string) => Promise<IndexedVersion[] | undefined>,
): ChartRepository<IndexedChart> {
  return {
    async find(name, wanted) {
      const versions = await versionsOf(name);
      const { chooseVersion } = await import('../../../charts/choose-version.ts');
      const indexed = chooseVersion(name, versions, wanted);
      const download = async () => (await import('../../../charts/http-repository.ts')).downloadChart(access, indexed);
      return { name: indexed.name, version: indexed.version, indexed, download };
    },
  };
}
