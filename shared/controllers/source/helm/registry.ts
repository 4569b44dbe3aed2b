import type { ChartRepository, FoundChart } from '../../../charts/dependencies.ts';
import type { FetchedManifest, Registry } from '../../../oci/registry.ts';
import type { HelmAccess } from './access.ts';

/** Media types of a packaged chart: Helm's, and the one it had at first. */
const chartTypes = ['application/vnd.cncf.helm.chart.content.v1.tar+gzip', 'application/tar+gzip'];

/** A version of a chart in a registry. */
export interface RegistryChart extends FoundChart {
  registry: Registry;
  /** `oci://host/repository:tag`, as messages name it. */
  reference: string;
  /** What the tag stands for; asked once. */
  manifest(): Promise<FetchedManifest>;
}

/** The charts below the address of a registry: each is a repository whose tags are its versions. */
export function chartsOfRegistry(access: HelmAccess): ChartRepository<RegistryChart> {
  const { spec, http, registry: credentials, signal } = access;
  return {
    async find(name, wanted) {
      const { openRegistry } = await import('../../../oci/registry.ts');
      const url = `${spec.url.replace(/\/+$/, '')}/${name}`;
      const registry = openRegistry({ url, credentials, http, insecure: spec.insecure, signal });
      const version = await versionOf(registry, name, wanted);
      // Tags cannot hold the sign of build metadata.
      const tag = version.replaceAll('+', '_');
      let asked: Promise<FetchedManifest> | undefined;
      const manifest = () => {
        asked ??= registry.manifest(tag);
        return asked;
      };
      const download = async () => chartLayer(registry, await manifest());
      return { name, version, registry, reference: `${url}:${version}`, manifest, download };
    },
  };
}

/** A version as it is written needs no look at the tags. */
async function versionOf(registry: Registry, name: string, wanted: string): Promise<string> {
  const [{ parseTagVersion }, { chooseTag }, { ChartError }] = await Promise.all([
    import('../../../api/version.ts'),
    import('../../../charts/choose-version.ts'),
    import('../../../charts/errors.ts'),
  ]);
  if (parseTagVersion(wanted)) return wanted;
  // Other tags, also those with a `v`, are no versions to Helm.
  const strict = /^(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:[-+]|$)/;
  const tags = (await registry.tags()).map(tag => tag.replaceAll('_', '+')).filter(tag => strict.test(tag));
  if (tags.length === 0)
    throw new ChartError(
      'NotFound',
      `unable to locate any tags in provided repository: ${registry.name} has no versions of '${name}'`,
    );
  const chosen = chooseTag(tags, wanted);
  if (chosen === undefined)
    throw new ChartError('NotFound', `could not locate a version matching provided version string ${wanted}`);
  return chosen;
}

async function chartLayer(registry: Registry, { manifest, descriptor }: FetchedManifest): Promise<Buffer> {
  const layer = manifest.layers?.find(({ mediaType }) => chartTypes.includes(mediaType));
  if (layer) return registry.readBlob(layer, (await import('../../../charts/limits.ts')).maxChartSize);
  const { ChartError } = await import('../../../charts/errors.ts');
  const held = (manifest.layers ?? [])
    .map(({ mediaType }) => mediaType)
    .join(', ')
    .slice(0, 300);
  throw new ChartError(
    'InvalidChart',
    `manifest ${descriptor.digest} of ${registry.name} does not contain a layer with mediatype ${chartTypes[0]} (it has ${held || 'none'}); charts are pushed by \`helm push\``,
  );
}
