import { createHash } from 'node:crypto';
import { reviewResources } from './resources/builtin.ts';
import { compareVersions } from './resources/custom.ts';
import { apiVersionOf, type ResourceDefinition, type VersionDefinition } from './resources/definition.ts';
import type { Registry } from './resources/registry.ts';

const scaleKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' };

/** The groups in the order in which clients prefer them. */
const priorities = [
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
];

interface Served {
  definition: ResourceDefinition;
  version: VersionDefinition;
}

/** What the server serves, in the forms in which clients ask for it. */
export class Discovery {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** group → its versions, preferred first; the core group is ''. */
  groups(): Map<string, string[]> {
    const groups = new Map<string, Set<string>>();
    const add = (group: string, version: string): void => {
      const versions = groups.get(group);
      if (versions) versions.add(version);
      else groups.set(group, new Set([version]));
    };
    for (const definition of this.#registry.all())
      for (const version of definition.versions) add(definition.group, version.name);
    for (const review of reviewResources) add(review.group, review.version);
    const rank = (group: string): number => (priorities.indexOf(group) + 1 || priorities.length + 1) * (group ? 1 : 0);
    const sorted = [...groups].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
    return new Map(sorted.map(([group, versions]) => [group, [...versions].sort(compareVersions)]));
  }

  #served(group: string, versionName: string): Served[] {
    return this.#registry.all().flatMap(definition => {
      const version =
        definition.group === group ? definition.versions.find(one => one.name === versionName) : undefined;
      return version ? [{ definition, version }] : [];
    });
  }

  /** GET /apis */
  groupList(): object {
    const groups = [...this.groups()].filter(([group]) => group !== '');
    return {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: groups.map(([group, versions]) => groupEntry(group, versions)),
    };
  }

  /** GET /apis/{group}; undefined for an unknown group. */
  group(group: string): object | undefined {
    const versions = this.groups().get(group);
    return group && versions ? { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group, versions) } : undefined;
  }

  /** GET /api */
  coreVersions(address: string): object {
    return {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
    };
  }

  /** GET /api/v1 and /apis/{group}/{version}; undefined for an unknown version. */
  resources(group: string, version: string): object | undefined {
    if (!this.groups().get(group)?.includes(version)) return undefined;
    const resources = this.#served(group, version).flatMap(legacyEntries);
    for (const review of reviewResources)
      if (review.group === group && review.version === version)
        resources.push({
          name: review.plural,
          singularName: review.singular,
          namespaced: review.namespaced,
          kind: review.kind,
          verbs: ['create'],
        });
    return {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: apiVersionOf(group, version),
      resources: this.#served(group, version).some(({ definition }) => definition.builtin)
        ? resources.sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1))
        : resources,
    };
  }

  /** The aggregated form of /api (the core group) and of /apis (all others). */
  aggregated(core: boolean): object {
    const groups = [...this.groups()].filter(([group]) => (group === '') === core);
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      metadata: {},
      items: groups.map(([group, versions]) => ({
        metadata: group ? { name: group, creationTimestamp: null } : { creationTimestamp: null },
        versions: versions.map(version => ({
          version,
          resources: this.#aggregatedResources(group, version),
          freshness: 'Current',
        })),
      })),
    };
  }

  #aggregatedResources(group: string, version: string): Record<string, unknown>[] {
    const entries = this.#served(group, version).map(served => aggregatedEntry(served, group, version));
    for (const review of reviewResources)
      if (review.group === group && review.version === version)
        entries.push({
          resource: review.plural,
          responseKind: { group, version, kind: review.kind },
          scope: review.namespaced ? 'Namespaced' : 'Cluster',
          singularResource: review.singular,
          verbs: ['create'],
        });
    return entries.sort((a, b) => (String(a.resource) < String(b.resource) ? -1 : 1));
  }
}

function groupEntry(group: string, versions: string[]): object {
  const entries = versions.map(version => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: entries, preferredVersion: entries[0] };
}

interface Subresource {
  name: string;
  kind: string;
  group?: string;
  version?: string;
  verbs: string[];
}

/** status, scale and the others, as discovery lists them. */
function subresourcesOf({ definition, version }: Served): Subresource[] {
  const readWrite = ['get', 'patch', 'update'];
  const scale = version.scale ? [{ name: 'scale', ...scaleKind, verbs: readWrite }] : [];
  const status = version.status ? [{ name: 'status', kind: definition.kind, verbs: readWrite }] : [];
  return [...version.subresources, ...(definition.builtin ? [...scale, ...status] : [...status, ...scale])];
}

function legacyEntries(served: Served): Record<string, unknown>[] {
  const { definition } = served;
  const { plural, singular, namespaced, kind, verbs, shortNames, categories } = definition;
  const own = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    storageVersionHash: storageHash(definition),
  };
  const others = subresourcesOf(served).map(({ name, ...rest }) => ({
    name: `${plural}/${name}`,
    singularName: '',
    namespaced,
    ...rest,
  }));
  return [own, ...others];
}

function storageHash(definition: ResourceDefinition): string {
  const text = `${definition.group}/${definition.storageVersion}/${definition.kind}`;
  return createHash('sha256').update(text).digest().subarray(0, 8).toString('base64');
}

function aggregatedEntry(served: Served, group: string, version: string): Record<string, unknown> {
  const { definition } = served;
  const subresources = subresourcesOf(served).map(sub => ({
    subresource: sub.name,
    responseKind: { group: sub.group ?? group, version: sub.version ?? version, kind: sub.kind },
    verbs: sub.verbs,
  }));
  return {
    resource: definition.plural,
    responseKind: { group, version, kind: definition.kind },
    scope: definition.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: definition.singular,
    verbs: definition.verbs,
    ...(definition.shortNames.length > 0 ? { shortNames: definition.shortNames } : {}),
    ...(definition.categories.length > 0 ? { categories: definition.categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}
