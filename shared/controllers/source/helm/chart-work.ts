import type { HelmChart } from '../../../api/source/helm-chart.ts';
import type { HelmRepository } from '../../../api/source/helm-repository.ts';
import { type BuildOptions, type ChartBuild, type ChartIdentity, summaryOf } from '../../../charts/chart-build.ts';
import { effectiveValuesFiles } from '../../../charts/values-files.ts';
import { conditionsOf } from '../../../reconcile/subject.ts';
import type { Fetched } from '../fetch-once.ts';
import { outdated, type SourceWork } from '../source.ts';

/** What the steps of a HelmChart's reconcile find out. */
export interface ChartWork extends SourceWork<HelmChart> {
  source?: ChartSource;
  /** The chart that was made, or that the last artifact already is. */
  made?: Made;
}

/** The source that spec.sourceRef names. */
export interface ChartSource {
  /** Set when it is a HelmRepository. */
  repository?: HelmRepository;
  /** Absent only for the address of a registry. */
  artifact?: { digest: string; revision: string };
}

export interface Made {
  build: ChartBuild;
  /** The archive in the store; absent when the last artifact is it. */
  fetched?: Fetched;
}

/** How the chart is to be made. `revision`: of the source, when every one of them shall be a version of its own. */
export function optionsOf({ spec, metadata }: HelmChart, revision = ''): BuildOptions {
  const { valuesFiles, ignoreMissingValuesFiles } = spec;
  // Consumers of the artifact see by the version that other values were merged.
  const generation = effectiveValuesFiles(valuesFiles).length > 0 ? String(metadata.generation ?? 0) : '';
  const versionMetadata = [revision, generation].filter(part => part !== '').join('.');
  return { valuesFiles, ignoreMissingValuesFiles, versionMetadata };
}

/**
 * What the last artifact is, when it is what is wanted: of the same name and version, made of the spec as it is. Says
 * otherwise that it is outdated.
 */
export function lastBuild(work: ChartWork, identity: ChartIdentity, isPackaged: boolean): Made | undefined {
  const { artifact, object } = work;
  const { observedChartName, observedGeneration, observedValuesFiles } = object.status;
  const isSame = artifact?.revision === identity.version && observedChartName === identity.name;
  // One that was stalled may have been made of a spec that has been mended in its source since.
  const wasStalled = conditionsOf(object).some(({ type, status }) => type === 'Stalled' && status === 'True');
  if (isSame && !wasStalled && observedGeneration === object.metadata.generation) {
    const valuesFiles = observedValuesFiles ?? effectiveValuesFiles(object.spec.valuesFiles);
    return { build: { ...identity, packaged: isPackaged, valuesFiles, dependencies: 0 } };
  }
  if (!isSame) {
    const message = summaryOf(identity);
    outdated(work, message);
    if (artifact) work.condition('ArtifactOutdated', { status: 'True', reason: 'NewChart', message });
  }
  return undefined;
}
