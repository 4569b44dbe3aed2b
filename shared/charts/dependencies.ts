import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { inRange, parseRange, parseVersion } from '../api/version.ts';
import { messageOfError } from '../reconcile/errors.ts';
import { readChartArchive } from './chart-archive.ts';
import { readChartDirectory } from './chart-directory.ts';
import { type ChartFiles, type Dependency, lockedDependencies, metadataOf } from './chart-file.ts';
import { ChartError } from './errors.ts';
import { readSmallFile, resolveWithin } from './source-path.ts';

/** Gets charts of a repository, as a HelmChart and the dependencies of charts need them. */
export interface ChartRepository<T extends FoundChart = FoundChart> {
  /** The version that is meant by a version or a range, and how to get its archive. */
  find(name: string, version: string): Promise<T>;
}

export interface FoundChart {
  name: string;
  version: string;
  download(): Promise<Buffer>;
}

/** Opens the repository of an address (http, https or oci) with the credentials that the namespace has for it. */
export type OpenRepository = (url: string) => Promise<ChartRepository>;

/**
 * Adds to the files of a chart the dependencies that its charts/ folder lacks: those of its lock file, when it has one.
 * `root` is the tree that the chart, at `path`, comes from; file:// stays within it. As with `helm dependency build`,
 * charts of repositories are put there as they were downloaded. Returns how many were added. Throws what a dependency
 * failed with, named in the message.
 */
export async function addDependencies(
  files: ChartFiles,
  { root, path, open }: { root: string; path: string; open: OpenRepository },
): Promise<number> {
  const wanted = lockedDependencies(files) ?? metadataOf(files).dependencies;
  const present = await bundledCharts(files);
  if (present.length === wanted.length) return 0;
  let added = 0;
  for (const dependency of wanted) {
    if (present.some(chart => satisfies(chart, dependency))) continue;
    const isLocal = dependency.repository === '' || dependency.repository.startsWith('file://');
    try {
      if (isLocal) await addLocal(files, root, path, dependency);
      else await addRemote(files, dependency, open);
    } catch (cause) {
      const shown = dependency.alias || dependency.name;
      const message = `failed to add ${isLocal ? 'local' : 'remote'} dependency '${shown}': ${messageOfError(cause)}`;
      const code = cause instanceof ChartError ? cause.code : 'NotFound';
      throw new ChartError(code, message, { cause });
    }
    added++;
  }
  return added;
}

interface Bundled {
  name: string;
  version: string;
}

function satisfies(chart: Bundled, { name, alias, version }: Dependency): boolean {
  if (chart.name !== name) return chart.name === alias;
  try {
    return isIn(chart.version, version);
  } catch {
    return false;
  }
}

/** Charts that charts/ has, as directories or archives. Names that begin with `_` or `.` are none, as with Helm. */
async function bundledCharts(files: ChartFiles): Promise<Bundled[]> {
  const folders = new Map<string, ChartFiles>();
  for (const [path, content] of files) {
    const [top, name = '', ...rest] = path.split('/');
    if (top !== 'charts' || /^[_.]/.test(name)) continue;
    if (rest.length === 0 && name.endsWith('.tgz'))
      folders.set(name, await readChartArchive(content, file => isMetadata(file)));
    if (rest.length === 1 && isMetadata(rest[0]!)) {
      const folder = folders.get(name) ?? new Map();
      folders.set(name, folder.set(rest[0]!, content));
    }
  }
  return [...folders.values()].map(files => metadataOf(files));
}

function isMetadata(path: string): boolean {
  return path === 'Chart.yaml' || path === 'requirements.yaml';
}

async function addLocal(files: ChartFiles, root: string, path: string, dependency: Dependency): Promise<void> {
  const { name, alias, repository, version } = dependency;
  const wanted = repository === '' ? `charts/${name}` : repository.slice('file://'.length);
  const place = resolveWithin(join(path, wanted));
  const shown = `'/${place}' (reference '${repository}')`;
  const info = await stat(join(root, place)).catch(() => undefined);
  if (!info) throw new ChartError('NotFound', `no chart found at ${shown}`);
  const folder = alias || name;
  if (info.isDirectory()) {
    const chart = await readChartDirectory(join(root, place));
    checkRange(metadataOf(chart).version, version);
    for (const [file, content] of chart) files.set(`charts/${folder}/${file}`, content);
    return;
  }
  const archive = await readSmallFile(root, place);
  if (!archive) throw new ChartError('NotFound', `no chart found at ${shown}`);
  checkRange(metadataOf(await readChartArchive(archive, isMetadata)).version, version);
  files.set(`charts/${folder}.tgz`, archive);
}

async function addRemote(files: ChartFiles, dependency: Dependency, open: OpenRepository): Promise<void> {
  const { name, version, repository } = dependency;
  if (repository.startsWith('@') || repository.startsWith('alias:'))
    throw new ChartError('InvalidReference', `aliased repository dependency is not supported: ${repository}`);
  if (!/^(https?|oci):\/\//.test(repository))
    throw new ChartError('InvalidReference', `invalid dependency repository URL: ${repository.slice(0, 200)}`);
  const charts = await open(repository);
  const found = await charts.find(name, version).catch((cause: unknown) => {
    const what = `failed to get chart '${name}' version '${version}' from '${withoutCredentials(repository)}'`;
    throw new ChartError('NotFound', `${what}: ${messageOfError(cause)}`, { cause });
  });
  const archive = await found.download();
  const chart = metadataOf(await readChartArchive(archive, isMetadata));
  files.set(`charts/${chart.name}-${chart.version}.tgz`, archive);
}

function checkRange(version: string, range: string): void {
  if (!isIn(version, range))
    throw new ChartError('NotFound', `can't get a valid version for constraint '${range}': the chart is ${version}`);
}

function isIn(version: string, range: string): boolean {
  const parsed = parseVersion(version);
  return parsed !== undefined && inRange(parsed, parseRange(range));
}

function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}
