import type { KubeObject, ManagedFieldsEntry, TypeRef } from '../../api/object.ts';
import type { FieldSet } from './field-set.ts';
import {
  decodeSet,
  difference,
  emptySet,
  encodeSet,
  intersection,
  isEmpty,
  setOfFields,
  union,
  without,
} from './field-set.ts';
import { throughGo } from './go-values.ts';
import { sameValue } from './same-value.ts';
import type { Schema } from './schema.ts';
import { reconcileSet } from './typed-merge.ts';
import type { Comparison } from './typed-sets.ts';
import { compare, filtered, touched } from './typed-sets.ts';

/** Who owns which fields: one manager's entry of managedFields, decoded. */
export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string | undefined;
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** The managers of an object by {@link managerId}. */
export type Managers = Map<string, Manager>;

/** What every tracking of a write needs to know of it. */
export interface Tracking {
  schema: Schema;
  manager: string;
  /** The subresource that was written, e.g. 'status' or 'scale'. */
  subresource?: string | undefined;
  /** The server's time, RFC 3339 to the second. */
  now: string;
  /**
   * The fields that a write through this endpoint cannot change, and so does not own. Without it: `status` for the
   * object itself where its schema has one, and `spec` (for custom resources `metadata` too) for the status subresource.
   */
  resetFields?: readonly (readonly string[])[];
  /** Whether an apiVersion is still served; entries of others are dropped. Without it all are. */
  served?: (apiVersion: string) => boolean;
}

const maxUpdateManagers = 10;
const bucketName = 'ancient-changes';

/** An Apply entry is one per manager and subresource, whatever its version; an Update entry one per version too. */
export function managerId(entry: Pick<Manager, 'name' | 'operation' | 'apiVersion' | 'subresource'>): string {
  const version = entry.operation === 'Apply' ? '' : entry.apiVersion;
  return `${entry.name}\0${entry.operation}\0${version}\0${entry.subresource ?? ''}`;
}

/** Reads the managedFields of `object`; what cannot be read is nobody's. */
export function managersOf(object: KubeObject | undefined): Managers {
  const managers: Managers = new Map();
  try {
    for (const entry of object?.metadata.managedFields ?? []) {
      const manager = decodeEntry(entry);
      managers.set(managerId(manager), manager);
    }
  } catch {
    return new Map();
  }
  return managers;
}

function decodeEntry(entry: ManagedFieldsEntry): Manager {
  if (entry.operation !== 'Apply' && entry.operation !== 'Update')
    throw new Error(`invalid operation "${entry.operation}"`);
  if (entry.fieldsType !== 'FieldsV1') throw new Error(`invalid fieldsType "${entry.fieldsType}"`);
  return {
    name: entry.manager,
    operation: entry.operation,
    apiVersion: entry.apiVersion,
    subresource: entry.subresource || undefined,
    time: entry.time,
    fields: decodeSet(entry.fieldsV1),
  };
}

/** Writes managers as managedFields, in the API server's order; undefined when there are none. */
export function encodeManagers(managers: Managers): ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined;
  const sorted = [...managers.values()].sort(compareManagers);
  return sorted.map(manager => ({
    manager: manager.name,
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time ? { time: manager.time } : {}),
    fieldsType: 'FieldsV1',
    fieldsV1: encodeSet(manager.fields),
    ...(manager.subresource ? { subresource: manager.subresource } : {}),
  }));
}

function compareManagers(a: Manager, b: Manager): number {
  return (
    compareText(a.operation, b.operation) ||
    seconds(a.time) - seconds(b.time) ||
    compareText(a.name, b.name) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource ?? '', b.subresource ?? '')
  );
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function seconds(time: string | undefined): number {
  return time ? Math.floor(Date.parse(time) / 1000) : 0;
}

const stripped = setOfFields([
  ['apiVersion'],
  ['kind'],
  ['metadata'],
  ['metadata', 'name'],
  ['metadata', 'namespace'],
  ['metadata', 'creationTimestamp'],
  ['metadata', 'selfLink'],
  ['metadata', 'uid'],
  ['metadata', 'clusterName'],
  ['metadata', 'generation'],
  ['metadata', 'managedFields'],
  ['metadata', 'resourceVersion'],
]);

/** A set without the fields that nobody owns: identity and bookkeeping. */
export function strip(fields: FieldSet): FieldSet {
  return difference(fields, stripped);
}

const statusReset = setOfFields([['status']]);
const specReset = setOfFields([['spec']]);
const deploymentSpecReset = setOfFields([['spec'], ['metadata', 'labels']]);
const allButStatusReset = setOfFields([['metadata'], ['spec']]);

/** The fields that the write of `tracking` resets, see {@link Tracking.resetFields}. */
export function resetSet(tracking: Tracking, object: KubeObject): FieldSet {
  if (tracking.resetFields) return tracking.resetFields.length > 0 ? setOfFields(tracking.resetFields) : emptySet;
  if (tracking.subresource === 'status') {
    if (!tracking.schema.ofKubernetes) return allButStatusReset;
    return object.kind === 'Deployment' && object.apiVersion === 'apps/v1' ? deploymentSpecReset : specReset;
  }
  return !tracking.subresource && tracking.schema.field('status') ? statusReset : emptySet;
}

/** `object` without metadata.managedFields, as far as it has them; shares all else. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  if (object.metadata?.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** `object` with these managers written into it; shares all else. */
export function withManagers(object: KubeObject, managers: Managers): KubeObject {
  const managedFields = encodeManagers(managers);
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: managedFields ? { ...metadata, managedFields } : metadata };
}

/** Brings all sets to the schema of now, and drops the entries of versions that are gone. */
export function reconcileManagers(managers: Managers, tracking: Tracking): Managers {
  const result: Managers = new Map();
  for (const [id, manager] of managers) {
    if (tracking.served && !tracking.served(manager.apiVersion)) continue;
    const fields = reconcileSet(tracking.schema, manager.fields);
    result.set(id, fields === manager.fields ? manager : { ...manager, fields });
  }
  return result;
}

/** What of the managers' fields a change touches, by manager. */
export function conflictsWith(managers: Managers, comparison: Comparison, except: string): Map<string, FieldSet> {
  const conflicts = new Map<string, FieldSet>();
  const changed = touched(comparison);
  if (isEmpty(changed)) return conflicts;
  for (const [id, manager] of managers) {
    if (id === except) continue;
    const both = intersection(manager.fields, changed);
    if (!isEmpty(both)) conflicts.set(id, both);
  }
  return conflicts;
}

/** Takes what was changed or removed from all managers but one; those with nothing left go. */
export function takeFrom(managers: Managers, comparison: Comparison, except: string): void {
  const gone = union(touched(comparison), comparison.removed);
  for (const [id, manager] of managers) {
    const fields = id === except ? manager.fields : difference(manager.fields, gone);
    if (isEmpty(fields)) managers.delete(id);
    else if (fields !== manager.fields) managers.set(id, { ...manager, fields });
  }
}

export interface UpdateTracking extends Tracking {
  /** What is stored; undefined for a create. */
  live?: KubeObject | undefined;
  /** What shall be stored, after defaulting. */
  next: KubeObject;
}

/**
 * managedFields of a create, update or patch: `next` with the entry of its manager brought up to date, fields taken from
 * the others, and time stamps left alone when nothing else changed. Never throws because of managedFields: an object whose
 * fields cannot be told apart goes without.
 */
export function trackUpdate(tracking: UpdateTracking): KubeObject {
  const { live, next } = tracking;
  const bare = withoutManagedFields(next);
  const managers = claimedManagers(tracking);
  // Tracking was switched off (managedFields: [{}]): it stays off until the first apply.
  if (managers.size === 0 && live?.metadata.uid) return bare;
  let comparison: Comparison;
  let reconciled: Managers;
  try {
    reconciled = reconcileManagers(managers, tracking);
    const before = live ? withoutManagedFields(live) : emptyObject(tracking.schema, next);
    comparison = filtered(compare(tracking.schema, before, bare), resetSet(tracking, next));
  } catch {
    return bare;
  }
  recordUpdate(reconciled, comparison, next, tracking);
  return keepTimes(live, withManagers(bare, reconciled));
}

/** What a new object is compared with: of Kubernetes' types a struct without content, in which plain structs are there already. */
export function emptyObject(schema: Schema, { apiVersion, kind }: TypeRef): KubeObject {
  const bare = { apiVersion, kind };
  return (schema.ofKubernetes ? throughGo(schema, bare).object : bare) as KubeObject;
}

/** The managers to start from: those that the request brought itself, or else the stored ones. */
function claimedManagers({ live, next, subresource }: UpdateTracking): Managers {
  const given = next.metadata.managedFields;
  if (subresource) return managersOf(live);
  if (given && (given.length === 0 || (given.length === 1 && Object.keys(given[0]!).length === 0))) return new Map();
  const managers = managersOf(next);
  return managers.size > 0 ? managers : managersOf(live);
}

const current = '\0current operation';

function recordUpdate(managers: Managers, comparison: Comparison, next: KubeObject, tracking: Tracking): void {
  takeFrom(managers, comparison, current);
  const fields = strip(without(touched(comparison), resetSet(tracking, next)));
  if (!isEmpty(fields)) {
    const own: Manager = {
      name: tracking.manager || 'unknown',
      operation: 'Update',
      apiVersion: next.apiVersion,
      subresource: tracking.subresource || undefined,
      time: tracking.now,
      fields,
    };
    const id = managerId(own);
    const previous = managers.get(id);
    managers.set(id, previous ? { ...own, fields: union(fields, previous.fields) } : own);
  }
  capManagers(managers);
}

/** Folds the oldest Update entries of one version into one, so that there are never more than ten. */
function capManagers(managers: Managers): void {
  const updaters = [...managers].filter(([, manager]) => manager.operation === 'Update');
  if (updaters.length <= maxUpdateManagers) return;
  updaters.sort(([a, x], [b, y]) => seconds(x.time) - seconds(y.time) || compareText(a, b));
  const firstOfVersion = new Map<string, string>();
  let count = updaters.length;
  for (const [id, manager] of updaters) {
    if (count <= maxUpdateManagers) return;
    const first = firstOfVersion.get(manager.apiVersion);
    if (!first) {
      firstOfVersion.set(manager.apiVersion, id);
      continue;
    }
    const bucket = { ...manager, name: bucketName, subresource: undefined };
    const bucketId = managerId(bucket);
    const base = managers.get(bucketId) ?? managers.get(first)!;
    if (!managers.has(bucketId)) managers.delete(first);
    managers.set(bucketId, { ...bucket, fields: union(manager.fields, base.fields) });
    managers.delete(id);
    count--;
  }
}

/**
 * `next` as it stands, or with the times of `live`'s managedFields when nothing but these times differs, so that a write
 * of what is already there changes nothing.
 */
export function keepTimes(live: KubeObject | undefined, next: KubeObject): KubeObject {
  const before = live?.metadata.managedFields;
  const after = next.metadata.managedFields;
  if (!live || !before?.length || before.length !== after?.length) return next;
  if (after.every((entry, i) => entry.time === before[i]!.time)) return next;
  if (!after.every((entry, i) => sameBut(entry, before[i]!))) return next;
  if (!sameValue(withoutManagedFields(live), withoutManagedFields(next))) return next;
  return { ...next, metadata: { ...next.metadata, managedFields: before } };
}

function sameBut(a: ManagedFieldsEntry, b: ManagedFieldsEntry): boolean {
  if (a.manager !== b.manager || a.operation !== b.operation || a.apiVersion !== b.apiVersion) return false;
  return (a.subresource ?? '') === (b.subresource ?? '') && sameValue(a.fieldsV1, b.fieldsV1);
}
