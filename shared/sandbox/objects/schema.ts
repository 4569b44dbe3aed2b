import { objectMetaSchema } from './object-meta.ts';

/** An OpenAPI v3 schema as Kubernetes publishes it, or a CRD's structural schema: only the fields that are read here are named. */
export interface OpenApiSchema {
  $ref?: string;
  type?: string;
  format?: string;
  description?: string;
  properties?: Record<string, OpenApiSchema>;
  additionalProperties?: OpenApiSchema | boolean;
  items?: OpenApiSchema;
  required?: string[];
  enum?: unknown[];
  default?: unknown;
  nullable?: boolean;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
  allOf?: OpenApiSchema[];
  oneOf?: OpenApiSchema[];
  anyOf?: OpenApiSchema[];
  not?: OpenApiSchema;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-patch-merge-key'?: string;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-validations'?: ValidationRule[];
  [extension: string]: unknown;
}

/** One entry of `x-kubernetes-validations`. */
export interface ValidationRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

/** What values a schema takes where it stands for a scalar; 'untyped' takes any. */
export type ScalarType = 'numeric' | 'string' | 'boolean' | 'untyped';

/** A named field of an object: its schema, and what the place (not the type) says about it. */
export interface Field {
  readonly schema: Schema;
  readonly default: unknown;
  readonly patchStrategy: readonly string[];
  readonly mergeKey: string | undefined;
}

type Resolve = (ref: string) => unknown;

interface Inherited {
  resolve: Resolve | undefined;
  named: Map<string, Schema>;
  /** `x-kubernetes-preserve-unknown-fields` holds for all that is written inline below it. */
  preserve: boolean;
  ofKubernetes: boolean;
}

/**
 * A schema, compiled as far as it was looked at: children are compiled when first asked for, and kept.
 * One value may be a scalar, a list and a map at once (no `type`: anything goes); `scalar`, `list` and `map` say which.
 */
export class Schema {
  readonly raw: OpenApiSchema;
  /** The name of the type in Kubernetes' documents, e.g. `io.k8s.api.apps.v1.Deployment`; undefined for inline schemas. */
  readonly name: string | undefined;
  readonly scalar: ScalarType | undefined;
  readonly list: boolean;
  readonly listType: 'atomic' | 'set' | 'map';
  readonly listKeys: readonly string[];
  /** The same in the order in which they make up a path element. */
  readonly sortedKeys: readonly string[];
  readonly map: boolean;
  readonly atomicMap: boolean;
  /** Any value is taken as it is: quantities' and raw extensions' shape. */
  readonly preserve: boolean;
  /** From Kubernetes' own documents: values are Go structs. Otherwise structural: a custom resource. */
  readonly ofKubernetes: boolean;
  readonly #inherited: Inherited;
  #fields: Map<string, Field> | undefined;
  #element: Schema | null | undefined;
  #items: Schema | null | undefined;
  #keyDefaults: Record<string, unknown> | undefined;
  /** Room for what other modules derive from this schema once (compiled patterns, rules). */
  readonly derived = new Map<symbol, unknown>();

  constructor(raw: OpenApiSchema, name: string | undefined, inherited: Inherited, mapType?: string) {
    this.raw = raw;
    this.name = name;
    this.preserve = inherited.preserve || raw['x-kubernetes-preserve-unknown-fields'] === true;
    this.ofKubernetes = inherited.ofKubernetes;
    this.#inherited = { ...inherited, preserve: this.preserve };
    const type = name?.endsWith('.resource.Quantity') ? 'quantity' : raw.type;
    this.scalar = scalarOf(type, raw.format);
    this.list = type === undefined || type === 'array';
    this.map = type === undefined || type === 'object';
    const list = listRelationship(raw);
    this.listType = list.type;
    this.listKeys = list.keys;
    this.sortedKeys = [...list.keys].sort();
    this.atomicMap = (mapType ?? raw['x-kubernetes-map-type']) === 'atomic';
  }

  /** The field `name`, when the schema names it under `properties`. */
  field(name: string): Field | undefined {
    return this.fields.get(name);
  }

  get fields(): ReadonlyMap<string, Field> {
    if (!this.#fields) {
      this.#fields = new Map();
      for (const [name, raw] of Object.entries(this.raw.properties ?? {})) this.#fields.set(name, this.#fieldOf(raw));
    }
    return this.#fields;
  }

  /** The schema of entries that `properties` does not name; undefined when there may be none. */
  get element(): Schema | undefined {
    if (this.#element === undefined) this.#element = this.#compileElement() ?? null;
    return this.#element ?? undefined;
  }

  /** The schema of a list's items. */
  get items(): Schema {
    if (this.#items === undefined) this.#items = this.raw.items ? this.#child(this.raw.items) : UNTYPED;
    return this.#items ?? UNTYPED;
  }

  /** For a map list: the value of each key that an item leaves out, as far as its schema gives a default. */
  get keyDefaults(): Record<string, unknown> {
    if (!this.#keyDefaults) {
      this.#keyDefaults = {};
      for (const key of this.listKeys) {
        const value = this.items.field(key)?.default;
        if (value !== undefined && value !== null) this.#keyDefaults[key] = value;
      }
    }
    return this.#keyDefaults;
  }

  /** A schema that applies at the same place (a branch of allOf, anyOf, …), compiled with the same references. */
  branch(raw: OpenApiSchema): Schema {
    return this.#child(raw);
  }

  #fieldOf(raw: OpenApiSchema): Field {
    return {
      schema: this.#child(raw),
      default: raw.default,
      patchStrategy: raw['x-kubernetes-patch-strategy']?.split(',') ?? [],
      mergeKey: raw['x-kubernetes-patch-merge-key'],
    };
  }

  #compileElement(): Schema | undefined {
    const additional = this.raw.additionalProperties;
    if (additional === undefined) return this.preserve || !this.raw.properties ? DEDUCED : undefined;
    if (typeof additional === 'boolean') return additional ? DEDUCED : undefined;
    return this.#child(additional);
  }

  #child(raw: OpenApiSchema): Schema {
    return compileAt(raw, this.#inherited);
  }
}

function compileAt(raw: OpenApiSchema, inherited: Inherited): Schema {
  const only = raw.allOf?.length === 1 && raw.type === undefined ? raw.allOf[0] : undefined;
  const ref = raw.$ref ?? only?.$ref;
  if (!ref)
    return raw['x-kubernetes-embedded-resource'] ? embedded(raw, inherited) : new Schema(raw, undefined, inherited);
  const name = ref.slice(ref.lastIndexOf('/') + 1);
  const mapType = raw['x-kubernetes-map-type'];
  const key = mapType ? `${name}|${mapType}` : name;
  const known = inherited.named.get(key);
  if (known) return known;
  const target = inherited.resolve?.(ref);
  if (typeof target !== 'object' || target === null)
    throw new Error(`the schema refers to ${ref}, which is not in its document`);
  if (name.endsWith('.runtime.RawExtension')) return UNTYPED;
  const schema = new Schema(target as OpenApiSchema, name, { ...inherited, preserve: false }, mapType);
  inherited.named.set(key, schema);
  return schema;
}

function scalarOf(type: string | undefined, format: string | undefined): ScalarType | undefined {
  if (type === 'integer' || type === 'number') return 'numeric';
  if (type === 'boolean') return 'boolean';
  if (type === 'string') return !format || format === 'byte' ? 'string' : 'untyped';
  return type === 'object' || type === 'array' ? undefined : 'untyped';
}

function listRelationship(raw: OpenApiSchema): { type: 'atomic' | 'set' | 'map'; keys: string[] } {
  const type = raw['x-kubernetes-list-type'];
  if (type === 'map') return { type, keys: raw['x-kubernetes-list-map-keys'] ?? [] };
  if (type === 'set' || type === 'atomic') return { type, keys: [] };
  if (!raw['x-kubernetes-patch-strategy']?.startsWith('merge')) return { type: 'atomic', keys: [] };
  const key = raw['x-kubernetes-patch-merge-key'];
  return key ? { type: 'map', keys: [key] } : { type: 'set', keys: [] };
}

const nothing: Inherited = { resolve: undefined, named: new Map(), preserve: true, ofKubernetes: false };

/** Anything, as a whole: lists and maps are replaced, never merged. */
const UNTYPED: Schema = new Schema({ 'x-kubernetes-map-type': 'atomic' }, undefined, nothing);
/** Anything: maps are merged key by key, lists are replaced. */
const DEDUCED: Schema = new Schema({}, undefined, nothing);

const typeFields: Record<string, OpenApiSchema> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
};

/** An object's own fields: the full metadata where the schema does not describe (only restrict) it. */
function withTypeMeta(raw: OpenApiSchema): OpenApiSchema {
  const metadata = raw.properties?.metadata;
  const described = metadata?.$ref !== undefined || metadata?.allOf !== undefined;
  const properties = { ...typeFields, ...raw.properties, metadata: described ? metadata : objectMetaSchema };
  return {
    ...raw,
    type: 'object',
    properties,
    ...(metadata?.properties && !described ? { 'x-sluice-metadata': metadata } : {}),
  };
}

function embedded(raw: OpenApiSchema, inherited: Inherited): Schema {
  return new Schema(withTypeMeta(raw), undefined, inherited);
}

const compiled = new WeakMap<object, Schema>();

/**
 * Compiles an OpenAPI v3 schema of Kubernetes' documents or a CRD's `openAPIV3Schema`, which gets apiVersion, kind and the
 * full metadata. `resolve` finds what a `$ref` names. Best given as `{ $ref: '#/components/schemas/io.k8s.api.apps.v1.Deployment' }`,
 * for then the type's name is known, by which fields of Go's zero values are told. The same `schema` object is compiled once.
 */
export function compileSchema(schema: unknown, resolve?: (ref: string) => unknown): Schema {
  if (typeof schema !== 'object' || schema === null) return anyObject;
  const known = compiled.get(schema);
  if (known) return known;
  const raw = schema as OpenApiSchema;
  const metadata = raw.properties?.metadata;
  const ofKubernetes =
    raw.$ref !== undefined ||
    metadata?.$ref !== undefined ||
    metadata?.allOf !== undefined ||
    'x-kubernetes-group-version-kind' in raw;
  const inherited: Inherited = { resolve, named: new Map(), preserve: false, ofKubernetes };
  const result = ofKubernetes ? compileAt(raw, inherited) : new Schema(withTypeMeta(raw), undefined, inherited);
  compiled.set(schema, result);
  return result;
}

/** The schema of an object whose kind nobody described: everything is kept, maps merge, lists are replaced. */
export const anyObject: Schema = new Schema(
  withTypeMeta({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
  undefined,
  {
    resolve: undefined,
    named: new Map(),
    preserve: true,
    ofKubernetes: false,
  },
);
