import type { ResourceDefinition, VersionDefinition } from '../resources/definition.ts';
import { kubernetes } from './kubernetes.ts';

type Json = Record<string, unknown>;

export const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

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
      ...(schema.properties as Json | undefined),
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
  const properties = kubernetes().schemas['io.k8s.api.core.v1.ConfigMap']?.properties as Record<string, Json>;
  return properties[name]!;
}
