import { parseDocument } from 'yaml';
import { parseVersion } from '../api/version.ts';
import { ChartError } from './errors.ts';
import { mappingsAt, parseMapping, textAt, type Values } from './yaml.ts';

export const chartFileName = 'Chart.yaml';

/** A chart that another one needs. */
export interface Dependency {
  name: string;
  /** A version or a range. */
  version: string;
  /** http(s)://, oci://, file:// or empty. */
  repository: string;
  alias: string;
}

/** What a chart says about itself. */
export interface ChartMetadata {
  name: string;
  version: string;
  type: string;
  dependencies: Dependency[];
}

/** Files of a chart, by their path within it, `/` between names. */
export type ChartFiles = Map<string, Buffer>;

/**
 * The metadata of a chart, checked as Helm does: `Chart.yaml`, and what `requirements.yaml` of older charts adds. `where`: the
 * chart's path in its source, for the message. Throws ChartError InvalidChart.
 */
export function metadataOf(files: ChartFiles, where?: string): ChartMetadata {
  const chartFile = files.get(chartFileName);
  const inside = where === undefined ? '' : ` in '${where}'`;
  if (!chartFile)
    throw new ChartError('InvalidChart', `no '${chartFileName}' found${inside}: this is not a Helm chart`);
  const chart = parseMapping(chartFile.toString('utf8'), chartFileName, 'InvalidChart');
  const requirements = files.get('requirements.yaml');
  const dependencies = requirements
    ? parseMapping(requirements.toString('utf8'), 'requirements.yaml', 'InvalidChart')
    : chart;
  const metadata: ChartMetadata = {
    name: textAt(chart, 'name'),
    version: textAt(chart, 'version'),
    type: textAt(chart, 'type'),
    dependencies: dependenciesOf(dependencies.has('dependencies') ? dependencies : chart),
  };
  check(metadata);
  return metadata;
}

/** The dependencies that the lock file names; undefined without one. Throws ChartError InvalidChart. */
export function lockedDependencies(files: ChartFiles): Dependency[] | undefined {
  for (const name of ['Chart.lock', 'requirements.lock']) {
    const lock = files.get(name);
    if (lock) return dependenciesOf(parseMapping(lock.toString('utf8'), name, 'InvalidChart'));
  }
  return undefined;
}

function dependenciesOf(values: Values): Dependency[] {
  return mappingsAt(values, 'dependencies').map(entry => ({
    name: textAt(entry, 'name'),
    version: textAt(entry, 'version'),
    repository: textAt(entry, 'repository'),
    alias: textAt(entry, 'alias'),
  }));
}

function check({ name, version, type, dependencies }: ChartMetadata): void {
  if (name === '') throw invalid('chart.metadata.name is required');
  if (name === '.' || name === '..' || /[/\\\0]/.test(name))
    throw invalid(`chart.metadata.name ${quoted(name)} is invalid`);
  if (version === '') throw invalid('chart.metadata.version is required');
  if (!parseVersion(version)) throw invalid(`chart.metadata.version ${quoted(version)} is invalid`);
  if (type !== '' && type !== 'application' && type !== 'library')
    throw invalid('chart.metadata.type must be application or library');
  const names = new Set<string>();
  for (const dependency of dependencies) {
    if (!/^[A-Za-z0-9_-]*$/.test(dependency.alias))
      throw invalid(`dependency ${quoted(dependency.name)} has disallowed characters in the alias`);
    const key = dependency.alias || dependency.name;
    if (names.has(key)) throw invalid(`more than one dependency with name or alias ${quoted(key)}`);
    names.add(key);
  }
}

/** Chart.yaml with another version: nothing else of the text is touched. Throws ChartError InvalidChart. */
export function withVersion(chartFile: Buffer, version: string): Buffer {
  const text = chartFile.toString('utf8');
  const node = parseDocument(text).get('version', true);
  const range = node && typeof node === 'object' && 'range' in node ? (node.range as number[] | undefined) : undefined;
  if (!range) throw invalid('chart.metadata.version is required');
  return Buffer.from(text.slice(0, range[0]) + JSON.stringify(version) + text.slice(range[1]));
}

/**
 * The version with build metadata in the place of what it had, in full and without a `v`. Throws ChartError
 * InvalidReference.
 */
export function withBuildMetadata(version: string, metadata: string): string {
  const parsed = parseVersion(version);
  if (!parsed) throw new ChartError('InvalidReference', `${quoted(version)} is no version by SemVer`);
  const prerelease = parsed.prerelease === '' ? '' : `-${parsed.prerelease}`;
  return `${parsed.numbers.join('.')}${prerelease}+${metadata}`;
}

function invalid(why: string): ChartError {
  return new ChartError('InvalidChart', `validation: ${why}`);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
