import { createHash } from 'node:crypto';
import type { Discovery } from '../discovery.ts';
import { componentOf, reviewResources } from '../resources/builtin.ts';
import type { ResourceDefinition, VersionDefinition } from '../resources/definition.ts';
import type { Registry } from '../resources/registry.ts';
import { kubernetes } from './kubernetes.ts';
import { type Described, pathsOf } from './paths.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const shared = ['DeleteOptions', 'Patch', 'Status', 'WatchEvent', 'ObjectMeta', 'ListMeta'].map(
  name => `${meta}.${name}`,
);

type Json = Record<string, unknown>;

/** The OpenAPI v3 documents: one per API version, made when asked for and kept until the registry changes. */
export class OpenApi {
  readonly #registry: Registry;
  readonly #discovery: Discovery;
  #generation = -1;
  readonly #texts = new Map<string, string>();
  readonly #hashes = new Map<string, string>();

  constructor(registry: Registry, discovery: Discovery) {
    this.#registry = registry;
    this.#discovery = discovery;
  }

  #refresh(): void {
    if (this.#generation === this.#registry.generation) return;
    this.#generation = this.#registry.generation;
    this.#texts.clear();
    this.#hashes.clear();
  }

  /** GET /openapi/v3: where the documents are. The hash in the address makes them cacheable for ever. */
  index(): Json {
    this.#refresh();
    const paths: Json = {};
    for (const [group, versions] of this.#discovery.groups())
      for (const version of versions) {
        const path = group ? `apis/${group}/${version}` : `api/${version}`;
        paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${this.#hash(group, version)}` };
      }
    return { paths };
  }

  /** Only what can change goes into the hash: built-in schemas are the release's, custom ones the registry's. */
  #hash(group: string, version: string): string {
    const key = `${group}/${version}`;
    let hash = this.#hashes.get(key);
    if (!hash) {
      const custom = this.#describedIn(group, version).map(({ definition, version: served }) => [
        definition.kind,
        definition.plural,
        definition.builtin ? kubernetes().version : served.openapi,
        served.status,
        served.scale,
      ]);
      hash = createHash('sha256').update(JSON.stringify(custom)).digest('hex').toUpperCase();
      this.#hashes.set(key, hash);
    }
    return hash;
  }

  /** GET /openapi/v3/apis/{group}/{version}; undefined for what is not served. */
  document(group: string, version: string): string | undefined {
    this.#refresh();
    const key = `${group}/${version}`;
    const known = this.#texts.get(key);
    if (known) return known;
    if (!this.#discovery.groups().get(group)?.includes(version)) return undefined;
    const text = JSON.stringify(this.#build(group, version));
    this.#texts.set(key, text);
    return text;
  }

  #describedIn(group: string, versionName: string): Described[] {
    return this.#registry.all().flatMap(definition => {
      const version =
        definition.group === group ? definition.versions.find(one => one.name === versionName) : undefined;
      return version ? [{ definition, version, component: componentNameOf(definition, version) }] : [];
    });
  }

  #build(group: string, version: string): Json {
    const described = this.#describedIn(group, version);
    const schemas: Json = {};
    for (const name of shared) collect(name, schemas);
    for (const { definition, version: served, component } of described) addKind(definition, served, component, schemas);
    for (const review of reviewResources)
      if (review.group === group) collect(componentOf(group, version, review.kind), schemas);
    return {
      openapi: '3.0.0',
      info: { title: 'Kubernetes', version: kubernetes().version },
      paths: Object.assign({}, ...described.map(pathsOf)),
      components: { schemas },
    };
  }

  /** Every kind, for /openapi/v2. */
  everything(): Described[] {
    return [...this.#discovery.groups()].flatMap(([group, versions]) =>
      versions.flatMap(version => this.#describedIn(group, version)),
    );
  }
}

/** `com.example.v1.Widget`: the name of a custom kind's component. */
export function componentNameOf(definition: ResourceDefinition, version: VersionDefinition): string {
  if ('component' in version.openapi) return version.openapi.component;
  return `${definition.group.split('.').reverse().join('.')}.${version.name}.${definition.kind}`;
}

/** Adds a component of Kubernetes' and all that it refers to. */
export function collect(name: string, into: Json): void {
  if (name in into) return;
  const schema = kubernetes().schemas[name];
  if (!schema) return;
  into[name] = schema;
  for (const [, reference] of JSON.stringify(schema).matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    collect(reference!, into);
}

/** The component of a kind and of its list. */
export function addKind(
  definition: ResourceDefinition,
  version: VersionDefinition,
  component: string,
  into: Json,
): void {
  if ('component' in version.openapi) {
    collect(component, into);
    collect(`${component}List`, into);
    if (version.scale) collect('io.k8s.api.autoscaling.v1.Scale', into);
    return;
  }
  const { group } = definition;
  const gvk = (kind: string): Json[] => [{ group, kind, version: version.name }];
  const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
  const typeMeta = { apiVersion: typeField('apiVersion'), kind: typeField('kind') };
  const { schema } = version.openapi;
  into[component] = {
    ...schema,
    properties: {
      ...(schema['properties'] as Json | undefined),
      ...typeMeta,
      metadata: { description: "The object's metadata.", allOf: [reference(`${meta}.ObjectMeta`)] },
    },
    'x-kubernetes-group-version-kind': gvk(definition.kind),
  };
  into[`${component}List`] = {
    description: `A list of ${definition.kind} objects.`,
    type: 'object',
    required: ['items'],
    properties: {
      ...typeMeta,
      metadata: { description: "The list's metadata.", allOf: [reference(`${meta}.ListMeta`)] },
      items: { description: 'The objects.', type: 'array', items: reference(component) },
    },
    'x-kubernetes-group-version-kind': gvk(definition.listKind),
  };
}

function typeField(name: string): Json {
  const properties = kubernetes().schemas['io.k8s.api.core.v1.ConfigMap']?.['properties'] as Record<string, Json>;
  return properties[name]!;
}
