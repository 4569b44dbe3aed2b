import type { KubeObject } from '../../api/object.ts';
import type { Schema } from '../objects/schema.ts';

/** A kind of object that the sandbox serves: built in, or from a CustomResourceDefinition. */
export interface ResourceDefinition {
  group: string;
  plural: string;
  singular: string;
  kind: string;
  listKind: string;
  shortNames: string[];
  categories: string[];
  namespaced: boolean;
  /** Served versions in order of priority. */
  versions: VersionDefinition[];
  storageVersion: string;
  /** Where objects are kept; two groups may show the same objects (events). */
  storageKey: string;
  builtin: boolean;
  verbs: string[];
  /** Whether `metadata.generation` counts changes of the spec. */
  hasGeneration: boolean;
  /** The object as another version shows it. `object` is in the storage version; the answer shares what it can. */
  convert(object: KubeObject, version: string): KubeObject;
  /** The object, given in `version`, as it is stored. */
  toStorage(object: KubeObject, version: string): KubeObject;
}

export interface VersionDefinition {
  name: string;
  schema: Schema;
  /** The raw OpenAPI schema: for built-in kinds the name of the component, for custom ones the schema itself. */
  openapi: { component: string } | { schema: Record<string, unknown> };
  status: boolean;
  scale: ScalePaths | undefined;
  /** Other subresources, as discovery lists them. */
  subresources: SubresourceDefinition[];
  deprecated?: { warning: string };
  columns: PrinterColumn[] | undefined;
  /** JSON paths that may stand in field selectors, without the leading dot. */
  selectableFields: string[];
}

export interface ScalePaths {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath: string | undefined;
  /** Kind of the scale object: autoscaling/v1 Scale everywhere. */
}

export interface SubresourceDefinition {
  name: string;
  kind: string;
  group?: string;
  version?: string;
  verbs: string[];
}

export interface PrinterColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath: string;
}

/** Verbs of an ordinary resource. */
export const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** `apps/v1`, `v1`. */
export function apiVersionOf(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `deployments.apps`, `pods`: how errors and RBAC name a resource. */
export function qualifiedName(definition: { group: string; plural: string }): string {
  return definition.group === '' ? definition.plural : `${definition.plural}.${definition.group}`;
}
