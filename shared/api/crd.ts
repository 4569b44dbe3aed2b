import * as z from 'zod';
import type { AddedField, KindDefinition, OlderVersion } from './definition.ts';
import type { KubeObject } from './object.ts';

/** A node of a structural schema, as the CRD holds it. */
export interface Schema {
  type?: string;
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
  required?: string[];
  [keyword: string]: unknown;
}

/** The release of Flux whose API the schemas are equal to. CRDs of a later release are left alone (see install/newer.ts). */
export const fluxVersion = 'v2.9.0';

/** Labels that every object of the installation carries; the flux CLI finds CRDs by the first. */
export const installLabels: Record<string, string> = {
  'app.kubernetes.io/part-of': 'flux',
  'app.kubernetes.io/instance': 'flux-system',
  'app.kubernetes.io/version': fluxVersion,
  'app.kubernetes.io/managed-by': 'sluice',
};

/** The CustomResourceDefinition of a kind. */
export function crdOf(definition: KindDefinition): KubeObject {
  const storage = schemaOf(definition);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${definition.plural}.${definition.group}`,
      labels: { ...installLabels },
      // A Kustomization that applies this must not read the `${…}` of descriptions as variables.
      annotations: { 'kustomize.toolkit.fluxcd.io/substitute': 'disabled' },
    },
    spec: {
      group: definition.group,
      names: namesOf(definition),
      scope: 'Namespaced',
      conversion: { strategy: 'None' },
      versions: definition.servedVersions.map(name => versionOf(definition, name, storage)),
    },
  };
}

function namesOf(definition: KindDefinition) {
  const { kind, plural, singular, shortNames, categories } = definition;
  return {
    categories,
    kind,
    listKind: `${kind}List`,
    plural,
    ...(shortNames.length ? { shortNames } : {}),
    singular,
  };
}

function versionOf(definition: KindDefinition, name: string, storage: Schema) {
  const isStorage = name === definition.version;
  const older = definition.olderVersions.find(version => version.name === name);
  if (!isStorage && !older) throw new Error(`${definition.kind} serves ${name}, but says nothing of how it differs`);
  const current = `${definition.group}/${definition.version}`;
  return {
    name,
    served: true,
    storage: isStorage,
    ...(isStorage
      ? {}
      : {
          deprecated: true,
          deprecationWarning: `${definition.group}/${name} ${definition.kind} is deprecated, upgrade to ${current}`,
        }),
    schema: { openAPIV3Schema: older ? olderSchema(storage, older) : storage },
    subresources: definition.hasStatus ? { status: {} } : {},
    additionalPrinterColumns: definition.printerColumns,
  };
}

/** The structural schema of the storage version. */
export function schemaOf(definition: KindDefinition): Schema {
  const json = z.toJSONSchema(definition.schema, { io: 'input', target: 'openapi-3.0' }) as Schema;
  const { spec, status } = json.properties ?? {};
  if (!spec) throw new Error(`the schema of ${definition.kind} has no spec`);
  return {
    description: json.description,
    type: 'object',
    properties: {
      apiVersion: { description: 'API version of the object.', type: 'string' },
      kind: { description: 'Kind of the object.', type: 'string' },
      metadata: { type: 'object' },
      spec: structural(spec),
      ...(status ? { status: structural(status) } : {}),
    },
  };
}

/** What zod writes and a structural schema does not have. */
const notStructural = new Set(['$schema', 'propertyNames', 'id']);

/** Turns a node of zod's JSON Schema into a structural schema. */
function structural(node: Schema): Schema {
  const result: Schema = {};
  for (const [keyword, value] of Object.entries(node)) {
    if (notStructural.has(keyword) || isSafeIntegerBound(keyword, value)) continue;
    if (keyword === 'properties') result.properties = mapValues(value as Record<string, Schema>, structural);
    else if (keyword === 'items') result.items = structural(value as Schema);
    else if (keyword === 'additionalProperties') result.additionalProperties = structural(value as Schema);
    else if (keyword === 'required') result.required = (value as string[]).toSorted();
    // JavaScript escapes the slash in regular expressions; Go has no need of it.
    else if (keyword === 'pattern') result.pattern = (value as string).replaceAll('\\/', '/');
    else result[keyword] = value;
  }
  return result;
}

/** zod bounds integers by what JavaScript counts exactly; an int64 of the API has no such bound. */
function isSafeIntegerBound(keyword: string, value: unknown): boolean {
  return (
    (keyword === 'minimum' && value === Number.MIN_SAFE_INTEGER) ||
    (keyword === 'maximum' && value === Number.MAX_SAFE_INTEGER)
  );
}

function mapValues<T, U>(record: Record<string, T>, convert: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, convert(value)]));
}

/** The schema of an older version: the storage version's, with the fields that were removed since. */
function olderSchema(storage: Schema, older: OlderVersion): Schema {
  const schema = structuredClone(storage);
  for (const field of older.added) addField(schema, field);
  return schema;
}

function addField(root: Schema, field: AddedField): void {
  const path = field.path.split('.');
  const name = path.pop()!;
  const parent = path.reduce<Schema | undefined>((schema, segment) => schema?.properties?.[segment], root);
  if (!parent?.properties) throw new Error(`the schema has no object at ${path.join('.')} to add ${name} to`);
  parent.properties[name] = structuredClone(field.schema) as Schema;
  if (!field.refused) return;
  const rules = (parent['x-kubernetes-validations'] as unknown[] | undefined) ?? [];
  parent['x-kubernetes-validations'] = [...rules, { rule: `!has(self.${name})`, message: field.refused }];
}
