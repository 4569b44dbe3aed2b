import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchArtifact } from '../../../artifact/layout.ts';
import { buildLocalChart, findLocalChart } from '../../../charts/build.ts';
import { needsPackaging } from '../../../charts/chart-build.ts';
import { RetryError } from '../../../reconcile/errors.ts';
import { NotStored, storeFile, withDirectory } from '../stored-file.ts';
import { type ChartSource, type ChartWork, lastBuild, type Made, optionsOf } from './chart-work.ts';
import { DependencyRepositories } from './dependency.ts';

/** How much of a source's revision goes into a version: enough to tell revisions apart, and labels stay short. */
const shortRevision = 12;

/** Makes the chart that lies in the artifact of a GitRepository or a Bucket. Throws BuildError, NotStored or RetryError. */
export async function makeFromTree(work: ChartWork, artifact: NonNullable<ChartSource['artifact']>): Promise<Made> {
  const { spec } = work.object;
  const revision = spec.reconcileStrategy === 'Revision' ? hashOf(artifact.revision).slice(0, shortRevision) : '';
  const options = optionsOf(work.object, revision);
  return withDirectory(async dir => {
    const root = join(dir, 'source');
    await fetchArtifact(work.ports.store, artifact, root).catch(cause => {
      throw new RetryError('Failed', 'artifact untar error', { cause });
    });
    const chart = await findLocalChart(root, spec.chart, options);
    const { name, version, isDirectory } = chart;
    const last = lastBuild(work, { name, version }, isDirectory || needsPackaging(options));
    if (last) return last;
    const file = join(dir, 'chart.tgz');
    const repositories = new DependencyRepositories(work);
    try {
      const write = (bytes: Buffer) => writeFile(file, bytes);
      const build = await buildLocalChart(chart, options, url => repositories.open(url), write, file);
      const kept = await storeFile(file, work.ports.store, work.clock.now(), 'tgz').catch(cause => {
        throw new NotStored('the chart was made, not stored', { cause });
      });
      return { build, fetched: { ...kept, revision: version, format: 'tgz' } };
    } finally {
      repositories.close();
    }
  });
}

/** The checksum of a revision, as `main@sha1:…` and `sha256:…` have it. */
function hashOf(revision: string): string {
  return revision.slice(revision.lastIndexOf(':') + 1);
}
