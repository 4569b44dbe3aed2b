import type { KubeObject } from '../api/object.ts';
import { groupOf, versionOf } from '../api/object.ts';
import { jsonEqual } from './deep-equal.ts';
import { parseSelector, type Selector } from './selector.ts';

/** `spec.ignore` of a Kustomization: fields whose drift is left alone. */
export interface DriftRule {
  /** JSON pointers. */
  paths: string[];
  target?: {
    group?: string;
    version?: string;
    kind?: string;
    name?: string;
    namespace?: string;
    labelSelector?: string;
    annotationSelector?: string;
  };
}

export class DriftRuleError extends Error {
  readonly code = 'ReconciliationFailed';
  constructor(message: string) {
    super(message);
    this.name = 'DriftRuleError';
  }
}

/** The JSON pointers to ignore in an object. */
export type IgnoredPaths = (object: KubeObject) => string[];

/** Checks and compiles the rules. Throws DriftRuleError, naming the field. */
export function compileDriftRules(rules: readonly DriftRule[]): IgnoredPaths {
  const compiled = rules.map((rule, i) => ({
    paths: checkedPaths(rule.paths, i),
    matches: compileTarget(rule.target ?? {}, i),
  }));
  return object => [...new Set(compiled.filter(rule => rule.matches(object)).flatMap(rule => rule.paths))];
}

function checkedPaths(paths: string[], rule: number): string[] {
  for (const path of paths)
    if (path !== '' && !path.startsWith('/'))
      throw new DriftRuleError(`spec.ignore[${rule}].paths: "${path}" is not a JSON pointer: it must begin with "/"`);
  return paths;
}

function compileTarget(target: NonNullable<DriftRule['target']>, rule: number): (object: KubeObject) => boolean {
  const pattern = (field: 'group' | 'version' | 'kind' | 'name' | 'namespace'): RegExp | undefined => {
    if (!target[field]) return undefined;
    try {
      return new RegExp(`^(?:${target[field]})$`);
    } catch {
      throw new DriftRuleError(`spec.ignore[${rule}].target.${field}: invalid ${field} regex "${target[field]}"`);
    }
  };
  const selector = (field: 'labelSelector' | 'annotationSelector'): Selector | undefined => {
    if (!target[field]) return undefined;
    try {
      return parseSelector(target[field]);
    } catch (error) {
      throw new DriftRuleError(`spec.ignore[${rule}].target.${field}: ${(error as Error).message}`);
    }
  };
  const [group, version, kind] = [pattern('group'), pattern('version'), pattern('kind')];
  const [name, namespace] = [pattern('name'), pattern('namespace')];
  const [labels, annotations] = [selector('labelSelector'), selector('annotationSelector')];
  return object =>
    (group?.test(groupOf(object.apiVersion)) ?? true) &&
    (version?.test(versionOf(object.apiVersion)) ?? true) &&
    (kind?.test(object.kind) ?? true) &&
    (name?.test(object.metadata.name) ?? true) &&
    (namespace?.test(object.metadata.namespace ?? '') ?? true) &&
    (labels?.(object.metadata.labels ?? {}) ?? true) &&
    (annotations?.(object.metadata.annotations ?? {}) ?? true);
}

/** The value a JSON pointer names; undefined when there is none. */
export function valueAt(object: unknown, pointer: string): unknown {
  let value = object;
  for (const part of pointerParts(pointer)) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** A copy without what the pointers name. */
export function without(object: KubeObject, pointers: readonly string[]): KubeObject {
  const copy = structuredClone(object);
  for (const pointer of pointers) removeAt(copy, pointer);
  return copy;
}

/**
 * What is applied for an object with ignored fields: a field that another manager applies is left out (and so given
 * up); any other keeps the value it has in the cluster.
 */
export function withIgnoredFields(
  payload: KubeObject,
  live: KubeObject,
  dryRun: KubeObject,
  pointers: readonly string[],
  manager: string,
): KubeObject {
  const copy = structuredClone(payload);
  const strip: string[] = [];
  for (const pointer of pointers) {
    const value = valueAt(live, pointer);
    if (jsonEqual(value, valueAt(dryRun, pointer))) continue;
    if (value === undefined || appliedByOther(live, pointer, manager)) strip.push(pointer);
    else replaceAt(copy, pointer, value);
  }
  // Items of lists from the back, so that indexes stay true.
  for (const pointer of strip.sort().reverse()) removeAt(copy, pointer);
  return copy;
}

function appliedByOther(live: KubeObject, pointer: string, manager: string): boolean {
  return (live.metadata.managedFields ?? []).some(entry => {
    if (entry.operation !== 'Apply' || entry.subresource || entry.manager === manager) return false;
    let fields: unknown = entry.fieldsV1;
    let value: unknown = live;
    for (const part of pointerParts(pointer)) {
      const parent = value;
      value = (value as Record<string, unknown> | undefined)?.[part];
      fields = Array.isArray(parent)
        ? itemFields(fields, value)
        : (fields as Record<string, unknown> | undefined)?.[`f:${part}`];
      if (fields === undefined) return false;
    }
    return true;
  });
}

/** The field set of a list's item, found by its key. */
function itemFields(fields: unknown, item: unknown): unknown {
  for (const [key, set] of Object.entries((fields ?? {}) as Record<string, unknown>)) {
    if (!key.startsWith('k:')) continue;
    const parts = JSON.parse(key.slice(2)) as Record<string, unknown>;
    if (
      Object.entries(parts).every(([name, value]) =>
        jsonEqual((item as Record<string, unknown> | undefined)?.[name], value),
      )
    )
      return set;
  }
  return undefined;
}

function pointerParts(pointer: string): string[] {
  return pointer === ''
    ? []
    : pointer
        .slice(1)
        .split('/')
        .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function parentOf(object: unknown, pointer: string): { parent: Record<string, unknown>; key: string } | undefined {
  const parts = pointerParts(pointer);
  const key = parts.pop();
  const parent = valueAt(object, parts.map(part => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''));
  if (key === undefined || typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, key))
    return undefined;
  return { parent: parent as Record<string, unknown>, key };
}

function removeAt(object: unknown, pointer: string): void {
  const place = parentOf(object, pointer);
  if (!place) return;
  if (Array.isArray(place.parent)) place.parent.splice(Number(place.key), 1);
  else delete place.parent[place.key];
}

/** Only what the payload names: a field it does not name is not ours to set. */
function replaceAt(object: unknown, pointer: string, value: unknown): void {
  const place = parentOf(object, pointer);
  if (place) place.parent[place.key] = structuredClone(value);
}
