import type * as z from 'zod';
import type { KubeObject } from './object.ts';

/** What Sluice knows of one toolkit kind; everything else (types, validation, CRD, reference page) derives from it. */
export interface KindDefinition {
  group: string;
  kind: string;
  plural: string;
  singular: string;
  shortNames: string[];
  categories: string[];
  /** The storage version, which the schema describes. */
  version: string;
  /** Every version the API server answers, the storage version included. */
  servedVersions: string[];
  /** How versions other than the storage version differ from it. */
  olderVersions: OlderVersion[];
  schema: z.ZodType;
  printerColumns: PrinterColumn[];
  /** The manager that owns what the controller writes. */
  fieldManager: string;
  finalizer: string | undefined;
  hasStatus: boolean;
  /**
   * Where the generation that was reconciled is told: in status.observedGeneration unless it says `conditions`, for a kind
   * that has it in its conditions alone.
   */
  observes?: 'conditions';
  /** True for what others make and Sluice only reads: nothing reconciles it, and a new revision in its status is news. */
  madeByOthers?: boolean;
  /** What of the schema has no behaviour yet, as a table. */
  notBuilt: NotBuilt[];
  /** Fields of `object` whose behaviour is not built yet: `spec.verify`, or with the value: `spec.type: telegram`. */
  unsupported(object: KubeObject): string[];
}

export interface PrinterColumn {
  name: string;
  type: 'string' | 'date' | 'integer' | 'boolean';
  jsonPath: string;
}

/**
 * A version served for manifests that still name it. Objects are stored in the storage version and converted by
 * changing the apiVersion alone, so an older version knows every field of the storage version (a client of the older
 * version that reads and writes back loses nothing), with the same constraints (what it stores must be valid when it
 * is read as the storage version), plus the fields that it had and that were removed since.
 */
export interface OlderVersion {
  name: string;
  /** Fields that this version had and the storage version has not. */
  added: AddedField[];
}

export interface AddedField {
  /** Dotted path; the parent must exist in the schema. */
  path: string;
  /** The field's schema as the CRD gets it. */
  schema: Record<string, unknown>;
  /**
   * Without: the field is accepted and has no effect (it had none left when it was removed). With: the field meant
   * something that would be lost, so the API server refuses it with this message.
   */
  refused?: string;
}

/** A row of the table of what is not built. */
export interface NotBuilt {
  /** Dotted; `[]` after a name stands for the items of a list. */
  path: string;
  /** Only these values are not built; without it any value is not (false, '', [] and {} count as absent). */
  when?: (value: unknown) => boolean;
  /** Which values are built, in words, for the reference page; set where `when` is. */
  values?: string;
  /** How the value is shown after the path; the value itself when it is not given. */
  show?: (value: unknown) => string;
}

/** Looks up the rows of `table` in `object`. */
export function unsupportedFields(table: NotBuilt[], object: KubeObject): string[] {
  const found = table.flatMap(row =>
    valuesAt(object, row.path.split('.')).flatMap(value => {
      if (isAbsent(value)) return [];
      if (!row.when) return [row.path];
      return row.when(value) ? [`${row.path}: ${row.show ? row.show(value) : String(value)}`] : [];
    }),
  );
  return [...new Set(found)];
}

/** Every value under a path; a segment that ends in `[]` stands for all items of a list. */
function valuesAt(value: unknown, path: string[]): unknown[] {
  const [segment, ...rest] = path;
  if (segment === undefined) return [value];
  if (typeof value !== 'object' || value === null) return [];
  const isList = segment.endsWith('[]');
  const child = (value as Record<string, unknown>)[isList ? segment.slice(0, -2) : segment];
  if (!isList) return valuesAt(child, rest);
  return Array.isArray(child) ? child.flatMap(item => valuesAt(item, rest)) : [];
}

/** Go's zero values: a field set to one behaves as if it were not there. */
function isAbsent(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return true;
  return Array.isArray(value) && value.length === 0;
}

/** Everything a definition says, apart from what follows from it. */
export function defineKind(definition: Omit<KindDefinition, 'unsupported'>): KindDefinition {
  return { ...definition, unsupported: object => unsupportedFields(definition.notBuilt, object) };
}
