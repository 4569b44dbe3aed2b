import type { KubeObject } from '../../api/object.ts';
import { compileSchema } from '../objects/schema.ts';
import { apiVersionOf, type PrinterColumn, type ResourceDefinition, type VersionDefinition } from './definition.ts';

interface CrdVersion {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  schema?: { openAPIV3Schema?: Record<string, unknown> };
  subresources?: {
    status?: object;
    scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string };
  };
  additionalPrinterColumns?: PrinterColumn[];
  selectableFields?: { jsonPath: string }[];
}

interface CrdSpec {
  group: string;
  scope: 'Namespaced' | 'Cluster';
  names: {
    plural: string;
    singular?: string;
    kind: string;
    listKind?: string;
    shortNames?: string[];
    categories?: string[];
  };
  versions: CrdVersion[];
}

/** What a CustomResourceDefinition defines. Conversion is `None`: versions differ in apiVersion alone. */
export function customDefinition(crd: KubeObject): ResourceDefinition {
  const spec = crd.spec as CrdSpec;
  const served = spec.versions.filter(version => version.served).sort((a, b) => compareVersions(a.name, b.name));
  const storage = spec.versions.find(version => version.storage) ?? spec.versions[0]!;
  const convert = (object: KubeObject, version: string): KubeObject => {
    const apiVersion = apiVersionOf(spec.group, version);
    return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
  };
  return {
    group: spec.group,
    plural: spec.names.plural,
    singular: spec.names.singular || spec.names.kind.toLowerCase(),
    kind: spec.names.kind,
    listKind: spec.names.listKind || `${spec.names.kind}List`,
    shortNames: spec.names.shortNames ?? [],
    categories: spec.names.categories ?? [],
    namespaced: spec.scope === 'Namespaced',
    versions: served.map(version => versionDefinition(spec, version)),
    storageVersion: storage.name,
    storageKey: `${spec.group}/${spec.names.plural}`,
    builtin: false,
    verbs: ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'],
    hasGeneration: true,
    convert,
    toStorage: object => convert(object, storage.name),
  };
}

function versionDefinition(spec: CrdSpec, version: CrdVersion): VersionDefinition {
  const schema = version.schema?.openAPIV3Schema ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const scale = version.subresources?.scale;
  return {
    name: version.name,
    schema: compileSchema(schema),
    openapi: { schema },
    status: version.subresources?.status !== undefined,
    scale: scale && { ...scale, labelSelectorPath: scale.labelSelectorPath || undefined },
    subresources: [],
    ...(version.deprecated
      ? { deprecated: { warning: version.deprecationWarning ?? deprecation(spec, version) } }
      : {}),
    columns: version.additionalPrinterColumns,
    selectableFields: (version.selectableFields ?? []).map(field => field.jsonPath.replace(/^\./, '')),
  };
}

/** Names the best version to go to, if there is one. */
function deprecation(spec: CrdSpec, version: CrdVersion): string {
  const { kind } = spec.names;
  const better = spec.versions
    .filter(other => other.served && !other.deprecated && compareVersions(other.name, version.name) < 0)
    .sort((a, b) => compareVersions(a.name, b.name))[0];
  const text = `${spec.group}/${version.name} ${kind} is deprecated`;
  return better ? `${text}; use ${spec.group}/${better.name} ${kind}` : text;
}

const stages: Record<string, number> = { alpha: 0, beta: 1, '': 2 };

/** Kubernetes' order of versions: stable before beta before alpha, higher before lower, anything else last by name. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map(name => /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(name));
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : 1;
  const stage = stages[right[2] ?? '']! - stages[left[2] ?? '']!;
  return stage || Number(right[1]) - Number(left[1]) || Number(right[3] ?? 0) - Number(left[3] ?? 0);
}
