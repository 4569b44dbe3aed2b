import type { Schema } from './crd.ts';
import type { KubeObject } from './object.ts';

/** A CRD in comparable form: everything that decides what the API server accepts and shows, nothing that only explains. */
export interface CrdFacts {
  group: string;
  version: string;
  scope: string;
  names: Record<string, unknown>;
  subresources: unknown;
  columns: unknown;
  annotations: Record<string, string>;
  /** Field path → what holds for the field, as sorted `keyword=value` texts. */
  fields: Record<string, string[]>;
}

/** Keywords that only explain, or that the path of the children already tells. */
const silent = new Set(['description', 'properties', 'items', 'additionalProperties']);

/** The facts of one version of a CRD. */
export function factsOf(crd: KubeObject, versionName: string): CrdFacts {
  const version = crd.spec.versions.find((candidate: { name: string }) => candidate.name === versionName);
  if (!version) throw new Error(`${crd.metadata.name} has no version ${versionName}`);
  const fields: Record<string, string[]> = {};
  collect(version.schema.openAPIV3Schema, '', fields);
  const columns = version.additionalPrinterColumns;
  return {
    group: crd.spec.group,
    version: versionName,
    scope: crd.spec.scope,
    names: sorted(crd.spec.names),
    subresources: version.subresources,
    columns: columns.map((column: Record<string, unknown>) => sorted(column)),
    annotations: ownAnnotations(crd),
    fields: sorted(fields),
  };
}

/** Without those that the generator of a CRD leaves about itself. */
function ownAnnotations(crd: KubeObject): Record<string, string> {
  const entries = Object.entries(crd.metadata.annotations ?? {});
  return sorted(Object.fromEntries(entries.filter(([name]) => !name.startsWith('controller-gen.kubebuilder.io/'))));
}

function collect(schema: Schema, path: string, fields: Record<string, string[]>): void {
  const facts = Object.entries(schema)
    .filter(([keyword]) => !silent.has(keyword))
    .map(([keyword, value]) => `${keyword}=${canonical(keyword, value)}`);
  fields[path || '.'] = facts.sort();
  for (const [name, child] of Object.entries(schema.properties ?? {})) collect(child, `${path}.${name}`, fields);
  if (schema.items) collect(schema.items, `${path}[]`, fields);
  if (schema.additionalProperties) collect(schema.additionalProperties, `${path}{}`, fields);
}

/** Lists whose order means nothing are sorted; rules are sorted by their text. */
function canonical(keyword: string, value: unknown): string {
  if (keyword === 'required' || keyword === 'enum') return JSON.stringify((value as string[]).toSorted());
  if (keyword === 'x-kubernetes-validations')
    return JSON.stringify((value as object[]).map(rule => JSON.stringify(sorted(rule))).toSorted());
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function sorted<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1))) as T;
}
