import { type AddedField, defineKind, type KindDefinition, type PrinterColumn } from '../definition.ts';

/** What the kinds of source-controller do not share. */
type OwnPart = Pick<
  KindDefinition,
  'kind' | 'plural' | 'singular' | 'shortNames' | 'servedVersions' | 'olderVersions' | 'schema' | 'printerColumns'
>;

/** Defines a kind of source-controller. */
export function defineSource(own: OwnPart): KindDefinition {
  return defineKind({
    ...own,
    group: 'source.toolkit.fluxcd.io',
    categories: ['all', 'fluxcd', 'fluxcd-sources'],
    version: 'v1',
    fieldManager: 'source-controller',
    finalizer: 'finalizers.fluxcd.io',
    hasStatus: true,
    notBuilt: [],
  });
}

/** Columns that every source has, in the order of most. */
export const ageColumn: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
export const readyColumns: PrinterColumn[] = [
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message' },
];

/** A string of the status that an older version had, and that nobody writes any more. */
export function formerStatus(path: string): AddedField {
  return { path, schema: { type: 'string', description: 'Accepted for objects of this version; no longer written.' } };
}

/** spec.accessFrom of older versions. */
export const accessFrom: AddedField = {
  path: 'spec.accessFrom',
  schema: {
    type: 'object',
    description: 'Accepted for manifests of this version; it never had an effect.',
    properties: {
      namespaceSelectors: {
        type: 'array',
        items: {
          type: 'object',
          properties: { matchLabels: { type: 'object', additionalProperties: { type: 'string' } } },
        },
      },
    },
    required: ['namespaceSelectors'],
  },
};
