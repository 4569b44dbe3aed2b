import { HelmRepository, helmRepositoryKind } from '../../../api/source/helm-repository.ts';
import { artifactKey } from '../../../artifact/layout.ts';
import type { ChartRepository } from '../../../charts/dependencies.ts';
import { normalizeRepositoryUrl } from '../../../charts/repository-url.ts';
import { type HelmAccess, type HelmAccessSpec, openHelmAccess } from './access.ts';
import type { ChartWork } from './chart-work.ts';
import { chartsOfRegistry } from './registry.ts';
import { chartsOfArtifact, chartsOfDownload } from './repository-index.ts';

/**
 * The repositories that a chart's dependencies name. One that a HelmRepository of the object's namespace has the address of
 * is asked with that one's credentials, certificates and index; any other without credentials. Close at the end.
 */
export class DependencyRepositories {
  readonly #work: ChartWork;
  readonly #opened = new Map<string, Promise<ChartRepository>>();
  readonly #accesses: HelmAccess[] = [];
  #known: Promise<HelmRepository[]> | undefined;

  constructor(work: ChartWork) {
    this.#work = work;
  }

  /** Each is opened once. Throws ChartError InvalidReference, or what reading the Secrets failed with. */
  open(url: string): Promise<ChartRepository> {
    const normalized = normalizeRepositoryUrl(url);
    const opened = this.#opened.get(normalized) ?? this.#open(normalized);
    this.#opened.set(normalized, opened);
    return opened;
  }

  close(): void {
    for (const access of this.#accesses) access.close();
  }

  async #open(url: string): Promise<ChartRepository> {
    const found = (await this.#repositories()).find(({ spec }) => addressOf(spec) === url);
    const isRegistry = url.startsWith('oci:');
    const spec: HelmAccessSpec = found?.spec ?? { url, provider: 'generic', ...(isRegistry ? { type: 'oci' } : {}) };
    const access = await openHelmAccess(this.#work, spec);
    this.#accesses.push(access);
    if (isRegistry) return chartsOfRegistry(access);
    const { store } = this.#work.ports;
    const digest = found?.status.artifact?.digest;
    const isStored = digest !== undefined && (await store.head(artifactKey(digest))) !== undefined;
    return isStored ? chartsOfArtifact(store, digest, access) : chartsOfDownload(access);
  }

  #repositories(): Promise<HelmRepository[]> {
    const { cluster, key } = this.#work;
    const { group, version, kind } = helmRepositoryKind;
    const list = async () => {
      const { items } = await cluster.list({ apiVersion: `${group}/${version}`, kind }, { namespace: key.namespace });
      const parsed = items.map(item => HelmRepository.safeParse(item).data).filter(item => item !== undefined);
      return parsed.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    };
    this.#known ??= list();
    return this.#known;
  }
}

function addressOf({ url }: HelmAccessSpec): string | undefined {
  try {
    return normalizeRepositoryUrl(url);
  } catch {
    return undefined;
  }
}
