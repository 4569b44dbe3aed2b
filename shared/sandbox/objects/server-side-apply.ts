import type { KubeObject } from '../../api/object.ts';
import type { FieldSet } from './field-set.ts';
import {
  difference,
  emptySet,
  intersection,
  isEmpty,
  pathsOf,
  pathText,
  sameSet,
  union,
  without,
} from './field-set.ts';
import type { Manager, Managers, Tracking } from './managed-fields.ts';
import {
  conflictsWith,
  emptyObject,
  managerId,
  managersOf,
  reconcileManagers,
  resetSet,
  strip,
  takeFrom,
  withManagers,
  withoutManagedFields,
} from './managed-fields.ts';
import { sameValue } from './same-value.ts';
import type { Schema } from './schema.ts';
import { mergeTyped, removeFields, typedErrors } from './typed-merge.ts';
import { compare, fieldSetOf, filtered, touched, withNamedFields } from './typed-sets.ts';

/** One field that another manager owns: what metav1.Status lists under details.causes. */
export interface ConflictCause {
  reason: 'FieldManagerConflict';
  message: string;
  field: string;
}

/** The apply would change fields of others, and was not forced: 409. */
export class ApplyConflict extends Error {
  readonly code = 'Conflict';
  readonly status = 409;
  readonly causes: readonly ConflictCause[];

  constructor(message: string, causes: readonly ConflictCause[]) {
    super(message);
    this.name = 'ApplyConflict';
    this.causes = causes;
  }
}

/** The applied configuration cannot be applied as it is: 400 for a wrong request, 500 (as the API server) for fields the schema does not know. */
export class ApplyError extends Error {
  readonly code: 'BadRequest' | 'InternalError';
  readonly status: 400 | 500;

  constructor(status: 400 | 500, message: string) {
    super(message);
    this.name = 'ApplyError';
    this.status = status;
    this.code = status === 400 ? 'BadRequest' : 'InternalError';
  }
}

export interface ApplyOptions extends Tracking {
  /** What is stored; undefined when the apply creates. */
  live?: KubeObject | undefined;
  /** The configuration: exactly the fields that the manager wants to own. */
  applied: KubeObject;
  force: boolean;
}

/**
 * Server-side apply: lays `applied` over `live`, removes what the manager applied before and no longer does (and nobody
 * else owns), and keeps the books in managedFields. Answers a new object that shares unchanged parts with both; when
 * nothing changes the answer equals `live`, times included. The caller validates and defaults the answer, and passes it
 * through `keepTimes(live, …)` then, since defaulting may bring back what `live` already had.
 * Throws {@link ApplyConflict} or {@link ApplyError}.
 */
export function serverSideApply(options: ApplyOptions): KubeObject {
  const { live, applied } = options;
  checkApplied(options);
  const before = live
    ? withoutManagedFields(live)
    : ({ apiVersion: applied.apiVersion, kind: applied.kind } as KubeObject);
  const managers = startingManagers(before, live, options);
  const attempt = { before, managers, applied };
  let result: Attempt;
  try {
    result = tryApply(attempt, options);
  } catch (error) {
    if (!(error instanceof ConflictsFound)) throw error;
    result = resolveByLastApplied(error, attempt, options);
  }
  return finish(result, options);
}

interface Start {
  before: KubeObject;
  managers: Managers;
  applied: KubeObject;
}

interface Attempt {
  object: KubeObject;
  managers: Managers;
  changed: boolean;
}

class ConflictsFound extends Error {
  readonly conflicts: Map<string, FieldSet>;
  readonly managers: Managers;
  constructor(conflicts: Map<string, FieldSet>, managers: Managers) {
    super('conflicts');
    this.conflicts = conflicts;
    this.managers = managers;
  }
}

function checkApplied({ applied, schema }: ApplyOptions): void {
  if (applied.metadata?.managedFields !== undefined) throw new ApplyError(400, 'metadata.managedFields must be nil');
  const errors = typedErrors(schema, applied, 'refused');
  if (errors.length === 0) return;
  const text = errors.length === 1 ? errors[0] : ['errors:', ...errors.map(error => `  ${error}`)].join('\n');
  const { name, namespace } = applied.metadata;
  const group = applied.apiVersion.includes('/') ? applied.apiVersion : `/${applied.apiVersion}`;
  throw new ApplyError(
    500,
    `failed to create typed patch object (${namespace ?? ''}/${name ?? ''}; ${group}, Kind=${applied.kind}): ${text}`,
  );
}

/** The managers before the apply. An object that nobody tracked is put down to whoever came before. */
function startingManagers(before: KubeObject, live: KubeObject | undefined, options: ApplyOptions): Managers {
  const managers = managersOf(live);
  if (managers.size > 0 || !live) return reconcileManagers(managers, options);
  const found = filtered(compare(options.schema, emptyObject(options.schema, live), before), resetSet(options, before));
  const fields = strip(touched(found));
  if (isEmpty(fields)) return managers;
  const first: Manager = {
    name: 'before-first-apply',
    operation: 'Update',
    apiVersion: live.apiVersion,
    subresource: options.subresource || undefined,
    time: options.now,
    fields,
  };
  return new Map([[managerId(first), first]]);
}

function tryApply(start: Start, options: ApplyOptions, force = options.force): Attempt {
  const { before, applied } = start;
  const { schema } = options;
  const managers: Managers = new Map(start.managers);
  const ignored = resetSet(options, applied);
  const own = ownEntry(options, without(fieldSetOf(schema, applied), ignored));
  const id = managerId(own);
  const last = managers.get(id);
  managers.set(id, own);
  const merged = mergeTyped(schema, before, applied) as KubeObject;
  const object = last ? prune(schema, merged, managers, last.fields) : merged;
  const comparison = filtered(compare(schema, before, object), ignored);
  if (!force) {
    const conflicts = conflictsWith(managers, comparison, id);
    if (conflicts.size > 0) throw new ConflictsFound(conflicts, managers);
  }
  takeFrom(managers, comparison, id);
  const changed = !sameValue(before, object);
  settle(managers, id, last, changed);
  return { object: changed ? object : before, managers, changed };
}

function ownEntry(options: ApplyOptions, fields: FieldSet): Manager {
  return {
    name: options.manager,
    operation: 'Apply',
    apiVersion: options.applied.apiVersion,
    subresource: options.subresource || undefined,
    time: options.now,
    fields,
  };
}

/** The manager's entry in the end: without the fields that nobody owns, and with the old time when nothing changed. */
function settle(managers: Managers, id: string, last: Manager | undefined, changed: boolean): void {
  const own = managers.get(id);
  if (!own) return;
  const fields = strip(own.fields);
  if (isEmpty(fields)) managers.delete(id);
  else {
    // The same set as before keeps its encoded form.
    const kept = last && sameSet(fields, last.fields) ? last.fields : fields;
    managers.set(id, { ...own, fields: kept, time: changed ? own.time : last?.time });
  }
}

/** Removes what `last` (the manager's former fields) held and no manager holds now. */
function prune(schema: Schema, merged: KubeObject, managers: Managers, last: FieldSet): KubeObject {
  let managed = emptySet;
  for (const manager of managers.values()) managed = union(managed, manager.fields);
  if (isEmpty(difference(last, managed))) return merged;
  const lastFull = withNamedFields(schema, last);
  const mergedSet = withNamedFields(schema, fieldSetOf(schema, merged));
  const first = removeFields(schema, merged, lastFull);
  const kept = union(setWithNames(schema, first), withNamedFields(schema, managed));
  const second = removeFields(schema, merged, difference(mergedSet, kept));
  const gone = intersection(difference(mergedSet, setWithNames(schema, second)), lastFull);
  return (removeFields(schema, merged, gone) ?? { apiVersion: merged.apiVersion, kind: merged.kind }) as KubeObject;
}

function setWithNames(schema: Schema, value: unknown): FieldSet {
  return value === undefined ? emptySet : withNamedFields(schema, fieldSetOf(schema, value));
}

const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * kubectl moving from client-side to server-side apply: what the last-applied annotation shows to be kubectl's own
 * configuration, unchanged since, is no conflict.
 */
function resolveByLastApplied(found: ConflictsFound, start: Start, options: ApplyOptions): Attempt {
  const conflicts = new Map(found.conflicts);
  if (options.manager === 'kubectl') {
    const allowed = lastAppliedFields(start.before, options.schema);
    for (const [id, fields] of conflicts) {
      const left = allowed ? difference(fields, allowed) : fields;
      if (isEmpty(left)) conflicts.delete(id);
      else conflicts.set(id, left);
    }
  }
  if (conflicts.size > 0) throw conflictError(conflicts, found.managers);
  return tryApply(start, options, true);
}

function lastAppliedFields(live: KubeObject, schema: Schema): FieldSet | undefined {
  const text = live.metadata?.annotations?.[lastAppliedAnnotation];
  if (!text) return undefined;
  try {
    const last = JSON.parse(text) as KubeObject;
    if (last.apiVersion !== live.apiVersion) return undefined;
    const comparison = compare(schema, last, live);
    return difference(difference(fieldSetOf(schema, last), touched(comparison)), comparison.removed);
  } catch {
    return undefined;
  }
}

function conflictError(conflicts: Map<string, FieldSet>, managers: Managers): ApplyConflict {
  const causes: ConflictCause[] = [];
  const lines: string[] = [];
  const sorted = [...conflicts].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [id, fields] of sorted) {
    const who = describe(managers.get(id)!);
    lines.push(`conflicts with ${who}:`);
    for (const path of pathsOf(fields).map(pathText)) {
      causes.push({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field: path });
      lines.push(`- ${path}`);
    }
  }
  const only = causes.length === 1 ? causes[0]! : undefined;
  const detail = only
    ? `1 conflict: ${only.message}: ${only.field}`
    : `${causes.length} conflicts: ${lines.join('\n')}`;
  return new ApplyConflict(`Apply failed with ${detail}`, causes);
}

function describe(manager: Manager): string {
  const subresource = manager.subresource ? ` with subresource ${JSON.stringify(manager.subresource)}` : '';
  const version = manager.operation === 'Update' ? ` using ${manager.apiVersion}` : '';
  return JSON.stringify(manager.name) + subresource + version;
}

function finish(result: Attempt, options: ApplyOptions): KubeObject {
  const object = withLastApplied(result.object, options);
  const next = withManagers(object, result.managers);
  if (result.changed || !options.live || object !== result.object) return next;
  return sameValue(next.metadata.managedFields, options.live.metadata.managedFields) ? options.live : next;
}

/** kubectl's own annotation follows its server-side applies where it was there before. */
function withLastApplied(object: KubeObject, options: ApplyOptions): KubeObject {
  if (options.manager !== 'kubectl' || !object.metadata.annotations?.[lastAppliedAnnotation]) return object;
  const { annotations: given, ...metadata } = options.applied.metadata;
  const { [lastAppliedAnnotation]: _, ...annotations } = given ?? {};
  // Without the one annotation an empty map is left.
  const applied = { ...options.applied, metadata: given ? { ...metadata, annotations } : metadata };
  const text = `${JSON.stringify(sortKeys(applied))}\n`;
  if (object.metadata.annotations[lastAppliedAnnotation] === text) return object;
  return {
    ...object,
    metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [lastAppliedAnnotation]: text } },
  };
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, field]) => [name, sortKeys(field)]));
}
