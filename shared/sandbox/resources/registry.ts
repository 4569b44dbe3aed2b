import type { KubeObject } from '../../api/object.ts';
import { compileSchema } from '../objects/schema.ts';
import { componentReference, resolveComponent } from '../openapi/kubernetes.ts';
import { type BuiltinResource, builtinResources, componentOf } from './builtin.ts';
import { convertAutoscaler, convertEvent } from './conversion.ts';
import { apiVersionOf, type ResourceDefinition, type VersionDefinition } from './definition.ts';

/** Everything the sandbox serves, found by path or by kind; custom kinds come and go. */
export class Registry {
  /** `group/plural` → definition. */
  readonly #resources = new Map<string, ResourceDefinition>();
  /** Counts changes, so that documents derived from the registry know when they are stale. */
  generation = 0;

  constructor() {
    for (const entry of builtinResources) this.register(builtinDefinition(entry));
  }

  register(definition: ResourceDefinition): void {
    this.#resources.set(`${definition.group}/${definition.plural}`, definition);
    this.generation++;
  }

  unregister(group: string, plural: string): void {
    if (this.#resources.delete(`${group}/${plural}`)) this.generation++;
  }

  get(group: string, plural: string): ResourceDefinition | undefined {
    return this.#resources.get(`${group}/${plural}`);
  }

  find(
    group: string,
    version: string,
    plural: string,
  ): { definition: ResourceDefinition; version: VersionDefinition } | undefined {
    const definition = this.get(group, plural);
    const found = definition?.versions.find(candidate => candidate.name === version);
    return definition && found ? { definition, version: found } : undefined;
  }

  byKind(apiVersion: string, kind: string): { definition: ResourceDefinition; version: VersionDefinition } | undefined {
    for (const definition of this.#resources.values()) {
      if (definition.kind !== kind) continue;
      const version = definition.versions.find(
        candidate => apiVersionOf(definition.group, candidate.name) === apiVersion,
      );
      if (version) return { definition, version };
    }
    return undefined;
  }

  byStorageKey(storageKey: string): ResourceDefinition | undefined {
    return this.get(storageKey.slice(0, storageKey.indexOf('/')), storageKey.slice(storageKey.indexOf('/') + 1));
  }

  all(): ResourceDefinition[] {
    return [...this.#resources.values()];
  }
}

function builtinDefinition(entry: BuiltinResource): ResourceDefinition {
  const versions = entry.versions.map(({ name }): VersionDefinition => {
    const component = componentOf(entry.group, name, entry.kind);
    return {
      name,
      schema: compileSchema(componentReference(component), resolveComponent),
      openapi: { component },
      status: entry.status,
      scale: entry.scale,
      subresources: entry.subresources,
      ...(component.endsWith('core.v1.Endpoints')
        ? { deprecated: { warning: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice' } }
        : {}),
      columns: undefined,
      selectableFields: entry.selectableFields,
    };
  });
  return {
    ...entry,
    versions,
    listKind: `${entry.kind}List`,
    storageVersion: entry.storageKey === '/events' ? 'v1' : versions[0]!.name,
    builtin: true,
    ...conversionOf(entry),
  };
}

type Conversion = Pick<ResourceDefinition, 'convert' | 'toStorage'>;

/** Only events and autoscalers have more than one built-in shape. */
function conversionOf(entry: BuiltinResource): Conversion {
  if (entry.group === 'events.k8s.io')
    return {
      convert: object => convertEvent(object, 'events.k8s.io/v1'),
      toStorage: object => convertEvent(object, 'v1'),
    };
  if (entry.group === 'autoscaling')
    return {
      convert: (object, version) => convertAutoscaler(object, version),
      toStorage: object => convertAutoscaler(object, 'v2'),
    };
  return { convert: same, toStorage: same };
}

function same(object: KubeObject): KubeObject {
  return object;
}
