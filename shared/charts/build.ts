import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readChartArchive, writeChartArchive } from './chart-archive.ts';
import { type BuildOptions, type ChartBuild, type ChartIdentity, needsPackaging } from './chart-build.ts';
import { readChartDirectory } from './chart-directory.ts';
import {
  type ChartFiles,
  type ChartMetadata,
  chartFileName,
  metadataOf,
  withBuildMetadata,
  withVersion,
} from './chart-file.ts';
import { addDependencies, type OpenRepository } from './dependencies.ts';
import { ChartError, inBuild } from './errors.ts';
import { readSmallFile, resolveWithin } from './source-path.ts';
import { mergeValuesFiles } from './values.ts';
import { cleanPath, effectiveValuesFiles, valuesFileName } from './values-files.ts';

const isMetadata = (path: string) => path === chartFileName || path === 'requirements.yaml';

/** The version that a chart gets. Throws BuildError MetadataPatchError. */
export function identityOf(name: string, version: string, options: BuildOptions): Promise<ChartIdentity> {
  const { versionMetadata } = options;
  if (versionMetadata === '') return Promise.resolve({ name, version });
  return inBuild('MetadataPatchError', () => ({ name, version: withBuildMetadata(version, versionMetadata) }));
}

/**
 * Makes the chart of a repository from its archive: the same bytes, unless values files are merged into it. Writes it to
 * `file`. Throws BuildError.
 */
export async function buildFromArchive(
  archive: Buffer,
  identity: ChartIdentity,
  options: BuildOptions,
  write: (bytes: Buffer) => Promise<void>,
  file: string,
): Promise<ChartBuild> {
  if (!needsPackaging(options)) {
    await inBuild('ChartPullError', async () => metadataOf(await readChartArchive(archive, isMetadata)));
    await write(archive);
    return { ...identity, packaged: false, valuesFiles: [], dependencies: 0 };
  }
  const { files, metadata } = await inBuild(
    'ChartPackageError',
    async () => {
      const files = await readChartArchive(archive);
      return { files, metadata: metadataOf(files) };
    },
    'failed to load downloaded chart',
  );
  // Paths within the chart; templates and the charts that it brings are no values files.
  const read = async (path: string) => {
    const clean = cleanPath(path);
    return /^(templates|charts)\//.test(clean) ? undefined : files.get(clean);
  };
  const merged = await mergeInto(files, options, read, 'failed to merge chart values');
  await packageChart(files, metadata, identity, file);
  return { ...identity, packaged: true, valuesFiles: merged, dependencies: 0 };
}

/** A chart that lies in a source's tree. */
export interface LocalChart extends ChartIdentity {
  root: string;
  /** From the root: a directory, or a packaged chart. */
  path: string;
  isDirectory: boolean;
}

/** Finds the chart at `path` of the tree in `root`. Throws BuildError InvalidChartReference or MetadataPatchError. */
export async function findLocalChart(root: string, path: string, options: BuildOptions): Promise<LocalChart> {
  const found = await inBuild('InvalidChartReference', async () => {
    if (path === '') throw new ChartError('InvalidReference', 'no path set for local chart reference');
    if (path.startsWith('/'))
      throw new ChartError('InvalidReference', `local chart reference path is expected to be relative: ${path}`);
    const place = resolveWithin(path);
    const info = await stat(join(root, place)).catch(() => undefined);
    if (!info)
      throw new ChartError(
        'NotFound',
        `the source has no '/${place}' (spec.chart is '${path}'; paths stay in the source)`,
      );
    const metadata = info.isDirectory() ? await directoryMetadata(root, place) : await archiveMetadata(root, place);
    return { place, isDirectory: info.isDirectory(), metadata };
  });
  const identity = await identityOf(found.metadata.name, found.metadata.version, options);
  return { ...identity, root, path: found.place, isDirectory: found.isDirectory };
}

async function directoryMetadata(root: string, place: string): Promise<ChartMetadata> {
  const files: ChartFiles = new Map();
  for (const name of [chartFileName, 'requirements.yaml']) {
    const content = await readSmallFile(root, `${place}/${name}`);
    if (content) files.set(name, content);
  }
  return metadataOf(files, `/${place}`);
}

async function archiveMetadata(root: string, place: string): Promise<ChartMetadata> {
  const archive = await readSmallFile(root, place);
  return metadataOf(await readChartArchive(archive ?? Buffer.alloc(0), isMetadata), `/${place}`);
}

/**
 * Makes the chart that {@link findLocalChart} found: packages a directory with its dependencies, or passes on an archive
 * that needs no change. Writes it to `file`. Throws BuildError.
 */
export async function buildLocalChart(
  chart: LocalChart,
  options: BuildOptions,
  open: OpenRepository,
  write: (bytes: Buffer) => Promise<void>,
  file: string,
): Promise<ChartBuild> {
  const { root, path, isDirectory, name, version } = chart;
  const identity = { name, version };
  if (!isDirectory && !needsPackaging(options)) {
    const archive = await inBuild('ChartPullError', () => readSmallFile(root, path));
    await write(archive ?? Buffer.alloc(0));
    return { ...identity, packaged: false, valuesFiles: [], dependencies: 0 };
  }
  const { files, metadata } = await inBuild('ChartPackageError', async () => {
    const archive = isDirectory ? undefined : await readSmallFile(root, path);
    const files = archive ? await readChartArchive(archive) : await readChartDirectory(join(root, path));
    return { files, metadata: metadataOf(files) };
  });
  // Paths within the source, not the chart.
  const read = (values: string) => readSmallFile(root, values);
  const valuesFiles = await mergeInto(files, options, read);
  const dependencies = isDirectory
    ? await inBuild('DependencyBuildError', () => addDependencies(files, { root, path, open }))
    : 0;
  await packageChart(files, metadata, identity, file);
  return { ...identity, packaged: true, valuesFiles, dependencies };
}

/** Puts merged values in the place of the chart's own; nothing without values files. */
async function mergeInto(
  files: ChartFiles,
  options: BuildOptions,
  read: (path: string) => Promise<Buffer | undefined>,
  doing?: string,
): Promise<string[]> {
  const wanted = effectiveValuesFiles(options.valuesFiles);
  if (wanted.length === 0) return [];
  return inBuild(
    'ValuesFilesError',
    async () => {
      const merged = await mergeValuesFiles(wanted, options.ignoreMissingValuesFiles ?? false, read);
      if (!files.has(valuesFileName))
        throw new ChartError(
          'NotFound',
          `failed to locate values file: ${valuesFileName} (the chart has none to replace)`,
        );
      files.set(valuesFileName, Buffer.from(merged.text));
      return merged.files;
    },
    doing,
  );
}

async function packageChart(
  files: ChartFiles,
  metadata: ChartMetadata,
  { version }: ChartIdentity,
  file: string,
): Promise<void> {
  await inBuild('ChartPackageError', async () => {
    if (version !== metadata.version) files.set(chartFileName, withVersion(files.get(chartFileName)!, version));
    await writeChartArchive(metadata.name, files, file);
  });
}
