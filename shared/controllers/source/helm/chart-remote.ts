import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HelmRepository } from '../../../api/source/helm-repository.ts';
import { buildFromArchive, identityOf } from '../../../charts/build.ts';
import { type BuildOptions, type ChartBuild, type ChartIdentity, needsPackaging } from '../../../charts/chart-build.ts';
import type { ChartRepository, FoundChart } from '../../../charts/dependencies.ts';
import { ChartError, inBuild } from '../../../charts/errors.ts';
import { findError } from '../../../reconcile/errors.ts';
import { conditionsOf } from '../../../reconcile/subject.ts';
import { type Fetched, fetchOnce } from '../fetch-once.ts';
import { secretFiles } from '../oci/access.ts';
import { NotStored, storeFile, withDirectory } from '../stored-file.ts';
import { type HelmAccess, openHelmAccess } from './access.ts';
import { chartFailure, inLookup } from './chart-failure.ts';
import { type ChartSource, type ChartWork, lastBuild, type Made, optionsOf } from './chart-work.ts';
import { chartsOfRegistry, type RegistryChart } from './registry.ts';
import { chartsOfArtifact, type IndexedChart } from './repository-index.ts';

/** Names that a chart may have in a repository: words, between which and behind which stand `/`, `.` or `/.`, as in Flux. */
const namePattern = /^[-a-z0-9]+(?:(?:\/\.?|\.)[-a-z0-9]+)*(?:\/\.?|\.)?$/;

/** Makes the chart of a HelmRepository. Throws BuildError, NotStored, or what its Secrets and its server failed with. */
export async function makeFromRepository(
  work: ChartWork,
  source: ChartSource,
  repository: HelmRepository,
): Promise<Made> {
  const { spec } = work.object;
  await inBuild('InvalidChartReference', () => checkName(spec.chart));
  const access = await openHelmAccess(work, repository.spec);
  try {
    const isRegistry = repository.spec.type === 'oci';
    const charts: ChartRepository<IndexedChart | RegistryChart> = isRegistry
      ? chartsOfRegistry(access)
      : chartsOfArtifact(work.ports.store, source.artifact?.digest ?? '', access);
    const found = await inLookup(() => charts.find(spec.chart, spec.version), isRegistry);
    await verify(work, found, access);
    const options = optionsOf(work.object);
    const identity = await identityOf(found.name, found.version, options);
    return (
      lastBuild(work, identity, needsPackaging(options)) ?? (await make({ work, access, found, identity, options }))
    );
  } finally {
    access.close();
  }
}

function checkName(name: string): void {
  if (name === '') throw new ChartError('InvalidReference', 'no name set for remote chart reference');
  if (!namePattern.test(name))
    throw new ChartError(
      'InvalidReference',
      `invalid chart name '${name}': a valid name must be lower case letters and numbers and MAY be separated with dashes (-), slashes (/) or periods (.)`,
    );
}

interface Making {
  work: ChartWork;
  access: HelmAccess;
  found: FoundChart | IndexedChart | RegistryChart;
  identity: ChartIdentity;
  options: BuildOptions;
}

/** Of all objects that want the same chart with the same values, one makes it. */
async function make({ work, access, found, identity, options }: Making): Promise<Made> {
  const { valuesFiles, ignoreMissingValuesFiles, versionMetadata } = options;
  const origin = 'manifest' in found ? await pulled(() => found.manifest()) : undefined;
  const indexed = 'indexed' in found ? found.indexed : undefined;
  const fetched = await fetchOnce(
    work,
    {
      kind: 'HelmChart',
      url: access.url,
      revision: `${work.object.spec.chart}:${found.version}`,
      shape: {
        ...(origin ? { manifest: origin.descriptor.digest } : { indexed }),
        ...(needsPackaging(options) ? { valuesFiles, ignoreMissingValuesFiles, versionMetadata } : {}),
      },
      credentials: access.fingerprint,
      timeoutMs: access.timeoutMs,
      failure: error => (findError(error, NotStored) ? undefined : chartFailure(error)),
    },
    () => download(work, found, identity, options),
  );
  const { packaged, values = '[]' } = fetched.detail ?? {};
  const merged = JSON.parse(values) as string[];
  const build: ChartBuild = { ...identity, packaged: packaged === 'true', valuesFiles: merged, dependencies: 0 };
  return { build, fetched };
}

async function download(
  work: ChartWork,
  found: FoundChart,
  identity: ChartIdentity,
  options: BuildOptions,
): Promise<Fetched> {
  const archive = await pulled(() => found.download());
  return withDirectory(async dir => {
    const file = join(dir, 'chart.tgz');
    const build = await buildFromArchive(archive, identity, options, bytes => writeFile(file, bytes), file);
    const kept = await storeFile(file, work.ports.store, work.clock.now(), 'tgz').catch(cause => {
      throw new NotStored('the chart was made, not stored', { cause });
    });
    const detail = { packaged: String(build.packaged), values: JSON.stringify(build.valuesFiles) };
    return { ...kept, revision: identity.version, format: 'tgz', detail };
  });
}

function pulled<T>(run: () => Promise<T>): Promise<T> {
  return inBuild('ChartPullError', run, 'failed to download chart for remote reference');
}

/** As Flux: looked at at every reconcile, also of a chart that is there already. */
async function verify(work: ChartWork, found: FoundChart | RegistryChart, { http }: HelmAccess): Promise<void> {
  const { object, clock, key } = work;
  const { verify: wanted } = object.spec;
  if (!wanted) {
    if (conditionsOf(object).some(({ type }) => type === 'SourceVerified')) work.condition('SourceVerified', null);
    return;
  }
  const keyless = wanted.provider === 'cosign' && !wanted.secretRef ? ' keyless' : '';
  const doing = `failed to verify the signature using provider '${wanted.provider}${keyless}'`;
  const chart = await inBuild('ChartVerificationError', () => inRegistry(found), doing);
  const answer = await inBuild(
    'ChartVerificationError',
    async () => {
      const { secretRef, provider, matchOIDCIdentity } = wanted;
      const keys = secretRef ? await secretFiles(work, secretRef.name) : undefined;
      const { descriptor } = await chart.manifest();
      const { verifyOciSignature } = await import('../../../oci/signature/verify.ts');
      return verifyOciSignature({
        registry: chart.registry,
        descriptor,
        reference: chart.reference.replace(/^oci:\/\//, ''),
        provider,
        ...(keys && secretRef ? { keys, keysFrom: `${key.namespace}/${secretRef.name}` } : {}),
        matchOIDCIdentity,
        http,
        clock,
      });
    },
    doing,
  );
  work.log.info('the signature was looked at', { ...answer, chart: chart.reference });
  if (answer.result === 'verified') {
    const message = `verified signature of version ${found.version}`;
    work.condition('SourceVerified', { status: 'True', reason: 'Succeeded', message });
  }
}

function inRegistry(found: FoundChart | RegistryChart): RegistryChart {
  if ('registry' in found) return found;
  throw new ChartError('InvalidReference', 'only charts of a HelmRepository of the type oci can be verified');
}
