import type { KubeObject } from '../../../api/object.ts';
import type { HelmChart } from '../../../api/source/helm-chart.ts';
import { HelmRepository, isRegistry } from '../../../api/source/helm-repository.ts';
import { artifactKey } from '../../../artifact/layout.ts';
import { summaryOf } from '../../../charts/chart-build.ts';
import type { Controller, Step } from '../../../reconcile/controller.ts';
import { findError } from '../../../reconcile/errors.ts';
import type { Outcome } from '../../../reconcile/outcome.ts';
import {
  fetchFailed,
  forgetFailedVerification,
  keepArtifact,
  looksForWord,
  recordArtifact,
  runSource,
  sourceTransients,
  storageFailed,
  stored,
} from '../source.ts';
import { NotStored } from '../stored-file.ts';
import { chartFailed } from './chart-failure.ts';
import type { ChartWork } from './chart-work.ts';

/** HelmChart: finds the chart in its source, and makes it an artifact: as it is, or packaged. */
export const helmChartController: Controller<HelmChart> = {
  kind: 'HelmChart',
  transientConditions: sourceTransients,
  reconcile: context => runSource<ChartWork>({ ...context }, steps),
};

const steps: Step<ChartWork>[] = [
  { name: 'forget a failed verification', run: forgetFailedVerification },
  { name: 'find the source', run: findSource },
  { name: 'make the chart', run: makeChart },
  { name: 'record', run: record },
];

const plurals = { HelmRepository: 'helmrepositories', GitRepository: 'gitrepositories', Bucket: 'buckets' };

/** A source that has no artifact yet wakes its charts when it has; this is for the case that it cannot. */
const sourceRetryMs = 60_000;

async function findSource(work: ChartWork): Promise<Outcome | undefined> {
  const { kind, name } = work.object.spec.sourceRef;
  const type = { apiVersion: 'source.toolkit.fluxcd.io/v1', kind };
  const found = await work.cluster.get<KubeObject>(type, work.key.namespace, name);
  if (!found) {
    const message = `failed to get source: ${plurals[kind]}.source.toolkit.fluxcd.io "${name}" not found`;
    return fetchFailed(work, { reason: 'SourceUnavailable', message, stalled: false });
  }
  const repository = kind === 'HelmRepository' ? HelmRepository.parse(found) : undefined;
  if (repository && isRegistry(repository)) {
    work.source = { repository };
    return undefined;
  }
  const artifact: unknown = found.status?.artifact;
  const { digest, revision } = (artifact ?? {}) as { digest?: unknown; revision?: unknown };
  const isThere =
    typeof digest === 'string' &&
    typeof revision === 'string' &&
    (await work.ports.store.head(artifactKey(digest))) !== undefined;
  if (!isThere) {
    const message = `no artifact available for ${kind} source '${name}'`;
    work.condition('FetchFailed', { status: 'True', reason: 'NoSourceArtifact', message });
    return { type: 'waiting', afterMs: sourceRetryMs, reason: 'NoSourceArtifact', message, ready: 'False' };
  }
  work.status.observedSourceArtifactRevision = revision;
  work.source = { artifact: { digest, revision }, ...(repository ? { repository } : {}) };
  return undefined;
}

async function makeChart(work: ChartWork): Promise<Outcome | undefined> {
  const { source } = work;
  if (!source) throw new Error('the source is not known');
  try {
    // What follows brings archives and YAML with it; workers of other kinds have no need of them.
    if (source.repository) {
      const { makeFromRepository } = await import('./chart-remote.ts');
      work.made = await makeFromRepository(work, source, source.repository);
    } else if (source.artifact) {
      const { makeFromTree } = await import('./chart-local.ts');
      work.made = await makeFromTree(work, source.artifact);
    }
    return undefined;
  } catch (error) {
    const notStored = findError(error, NotStored);
    return notStored ? storageFailed(work, notStored.cause) : chartFailed(work, error);
  }
}

async function record(work: ChartWork): Promise<Outcome> {
  const { made, object } = work;
  if (!made) throw new Error('no chart was made');
  const { build, fetched } = made;
  const reason = build.packaged ? 'ChartPackageSucceeded' : 'ChartPullSucceeded';
  const message = summaryOf(build);
  if (build.dependencies > 0)
    work.event({
      severity: 'info',
      reason: 'ResolvedDependencies',
      message: `resolved ${build.dependencies} chart dependencies`,
      to: 'cluster',
    });
  if (!fetched && looksForWord(work)) {
    const upToDate = `artifact up-to-date with remote revision: '${build.version}'`;
    work.event({ severity: 'info', reason: 'ArtifactUpToDate', message: upToDate, to: 'cluster' });
  }
  const file = `${build.name}-${build.version}.tgz`;
  const artifact = fetched
    ? await recordArtifact(work, {
        digest: fetched.digest,
        size: fetched.size,
        revision: build.version,
        format: 'tgz',
        file,
      })
    : await keepArtifact(work, 'tgz');
  work.status.url = artifact.url;
  if (fetched) {
    work.status.observedChartName = build.name;
    work.status.observedValuesFiles = object.spec.ignoreMissingValuesFiles ? build.valuesFiles : undefined;
  }
  return stored(work, artifact, { message, reason, eventMessage: message, eventReason: reason });
}
