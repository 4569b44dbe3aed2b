import { createHash } from 'node:crypto';
import type { Discovery } from '../discovery.ts';
import { componentOf, reviewResources } from '../resources/builtin.ts';
import type { ResourceDefinition, VersionDefinition } from '../resources/definition.ts';
import type { Registry } from '../resources/registry.ts';
import { addKind, collect, meta } from './components.ts';
import { kubernetes } from './kubernetes.ts';
import { type Described, pathsOf } from './paths.ts';
import { swagger } from './swagger.ts';
import { swaggerProtobuf } from './swagger-protobuf.ts';

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
  readonly #swagger = new Map<string, Buffer>();

  constructor(registry: Registry, discovery: Discovery) {
    this.#registry = registry;
    this.#discovery = discovery;
  }

  #refresh(): void {
    if (this.#generation === this.#registry.generation) return;
    this.#generation = this.#registry.generation;
    this.#texts.clear();
    this.#hashes.clear();
    this.#swagger.clear();
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

  /** GET /openapi/v2, as JSON or in protobuf. */
  everything(form: 'json' | 'protobuf'): Buffer {
    this.#refresh();
    let bytes = this.#swagger.get(form);
    if (!bytes) {
      const described = [...this.#discovery.groups()].flatMap(([group, versions]) =>
        versions.flatMap(version => this.#describedIn(group, version)),
      );
      const document = swagger(described);
      bytes = form === 'json' ? Buffer.from(JSON.stringify(document)) : swaggerProtobuf(document);
      this.#swagger.set(form, bytes);
    }
    return bytes;
  }
}

/** `com.example.v1.Widget`: the name of a custom kind's component. */
export function componentNameOf(definition: ResourceDefinition, version: VersionDefinition): string {
  if ('component' in version.openapi) return version.openapi.component;
  return `${definition.group.split('.').reverse().join('.')}.${version.name}.${definition.kind}`;
}
