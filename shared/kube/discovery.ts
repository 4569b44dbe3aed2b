import * as z from 'zod';
import { groupOf, type KubeObject, type TypeRef } from '../api/object.ts';
import { ApiError } from '../ports/cluster.ts';
import { type Resource, wellKnown } from './well-known.ts';

/** Asks the API server for a discovery document. */
export type DiscoveryFetch = (path: string, accept: string) => Promise<unknown>;

const aggregatedAccept =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';

const Aggregated = z.object({
  kind: z.literal('APIGroupDiscoveryList'),
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string().optional() }).optional(),
      versions: z
        .array(
          z.object({
            version: z.string(),
            resources: z
              .array(
                z.object({
                  resource: z.string(),
                  responseKind: z.object({ kind: z.string() }).optional(),
                  scope: z.string(),
                }),
              )
              .optional(),
          }),
        )
        .optional(),
    }),
  ),
});

const ResourceList = z.object({
  resources: z.array(z.object({ name: z.string(), kind: z.string(), namespaced: z.boolean() })).nullish(),
});

/**
 * Which URL a kind has. The usual kinds come from a table; others cost one call for all groups (aggregated discovery),
 * or one per group version where the server has no aggregated discovery. An unknown kind is looked up again at most
 * once in {@link refreshAfterMs}.
 */
export class Discovery {
  readonly #fetch: DiscoveryFetch;
  readonly #now: () => number;
  #found = new Map<string, Resource>();
  /** Versions served, by `group/Kind`, the server's preferred one first. */
  #versions = new Map<string, string[]>();
  readonly #loads = new Map<string, { at: number; done: Promise<void> }>();

  constructor(fetch: DiscoveryFetch, now: () => number) {
    this.#fetch = fetch;
    this.#now = now;
  }

  /** undefined when the server does not know the kind in this version. */
  async resource(type: TypeRef): Promise<Resource | undefined> {
    const key = `${type.apiVersion}/${type.kind}`;
    const known = this.#found.get(key) ?? wellKnown(type.apiVersion, type.kind);
    if (known) return known;
    await this.#load(type.apiVersion);
    return this.#found.get(key);
  }

  /** Versions in which the server has the kind, preferred first; empty when it does not know the kind. */
  async versions(group: string, kind: string): Promise<string[]> {
    await this.#load(group === '' ? 'v1' : `${group}/`);
    return this.#versions.get(`${group}/${kind}`) ?? [];
  }

  /** Takes kind and scope from a definition that is known to be there, so that no call is needed. */
  learn(definition: KubeObject): void {
    const spec = definition.spec;
    const established = (definition.status?.conditions ?? []).some(
      (c: { type?: string; status?: string }) => c.type === 'Established' && c.status === 'True',
    );
    if (!established) return;
    const namespaced = spec?.scope === 'Namespaced';
    for (const version of spec?.versions ?? [])
      if (version.served)
        this.#found.set(`${spec.group}/${version.name}/${spec.names.kind}`, { plural: spec.names.plural, namespaced });
  }

  refresh(): void {
    this.#loads.clear();
    this.#found = new Map();
    this.#versions = new Map();
  }

  async #load(apiVersion: string): Promise<void> {
    const root = groupOf(apiVersion) === '' ? '/api' : '/apis';
    const loaded = this.#loads.get(root);
    if (loaded && this.#now() - loaded.at < refreshAfterMs) return loaded.done;
    const done = this.#loadAll(root, apiVersion);
    this.#loads.set(root, { at: this.#now(), done });
    try {
      await done;
    } catch (error) {
      this.#loads.delete(root);
      throw error;
    }
  }

  async #loadAll(root: string, apiVersion: string): Promise<void> {
    const answer = Aggregated.safeParse(await this.#fetch(root, aggregatedAccept));
    if (!answer.success) return this.#loadOne(root, apiVersion);
    for (const item of answer.data.items) {
      const group = item.metadata?.name ?? '';
      for (const version of item.versions ?? [])
        for (const resource of version.resources ?? [])
          if (resource.responseKind)
            this.#remember(
              group,
              version.version,
              resource.responseKind.kind,
              resource.resource,
              resource.scope === 'Namespaced',
            );
    }
  }

  async #loadOne(root: string, apiVersion: string): Promise<void> {
    this.#loads.delete(root);
    if (apiVersion.endsWith('/')) return;
    let document: unknown;
    try {
      document = await this.#fetch(`${root}/${apiVersion}`, 'application/json');
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return;
      throw error;
    }
    const group = groupOf(apiVersion);
    const version = apiVersion.slice(group === '' ? 0 : group.length + 1);
    for (const resource of ResourceList.parse(document).resources ?? [])
      if (!resource.name.includes('/'))
        this.#remember(group, version, resource.kind, resource.name, resource.namespaced);
  }

  #remember(group: string, version: string, kind: string, plural: string, namespaced: boolean): void {
    const key = `${group === '' ? '' : `${group}/`}${version}/${kind}`;
    if (!this.#found.has(key)) this.#found.set(key, { plural, namespaced });
    const versions = this.#versions.get(`${group}/${kind}`) ?? [];
    if (!versions.includes(version)) this.#versions.set(`${group}/${kind}`, [...versions, version]);
  }
}

/**
 * A kind that was not there may appear as soon as its definition is applied, by another worker too: an object of it that
 * is taken for unknown waits a whole retry interval. Many objects of one unknown kind are looked up at once, though.
 */
const refreshAfterMs = 250;
