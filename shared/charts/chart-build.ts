import { effectiveValuesFiles } from './values-files.ts';

/** Which chart is meant, before it is made. */
export interface ChartIdentity {
  name: string;
  /** With the build metadata that was asked for. */
  version: string;
}

/** A chart that was made. */
export interface ChartBuild extends ChartIdentity {
  /** Whether it was packaged here; otherwise it is as it was found. */
  packaged: boolean;
  /** The values files that were merged. */
  valuesFiles: string[];
  /** Dependencies that were added. */
  dependencies: number;
}

export interface BuildOptions {
  valuesFiles?: string[] | undefined;
  ignoreMissingValuesFiles?: boolean | undefined;
  /** Build metadata for the version; none when empty. */
  versionMetadata: string;
}

/** Whether a chart of a repository has to be packaged anew. */
export function needsPackaging({ valuesFiles, versionMetadata }: BuildOptions): boolean {
  return versionMetadata !== '' || effectiveValuesFiles(valuesFiles).length > 0;
}

/** What is said of a build: `pulled 'podinfo' chart with version '6.0.0'`. */
export function summaryOf(build: ChartIdentity & Partial<ChartBuild>): string {
  const action = build.packaged === undefined ? 'new' : build.packaged ? 'packaged' : 'pulled';
  const values = build.valuesFiles?.length ? ` and merged values files [${build.valuesFiles.join(' ')}]` : '';
  return `${action} '${build.name}' chart with version '${build.version}'${values}`;
}
