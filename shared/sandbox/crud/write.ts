import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../../api/object.ts';
import { alreadyExists, badRequest, conflict, Fault, forbidden, invalid, notFound, staleMessage } from '../faults.ts';
import { defaultBuiltin, validateBuiltin, validateMetadata } from '../objects/builtin.ts';
import type { FieldError } from '../objects/field-error.ts';
import { keepTimes, trackUpdate } from '../objects/managed-fields.ts';
import { sameValue } from '../objects/same-value.ts';
import { DecodeError, type Prepared, prepare } from '../objects/validate.ts';
import { apiVersionOf } from '../resources/definition.ts';
import type { Entry } from '../store/collection.ts';
import { clone } from './clone.ts';
import { mayBeRemoved } from './deletion-state.ts';
import { type Kernel, type Target, timestamp, type WriteOptions } from './kernel.ts';
import { checkEnvelope, generateName } from './metadata.ts';
import { completeRead, prepareCreate, prepareUpdate, resetStatus } from './strategy.ts';

/** The object at the target, in the storage version. Throws NotFound. */
export function liveEntry(kernel: Kernel, target: Target): Entry {
  const entry = kernel.store.get(target.definition.storageKey, target.namespace, target.name);
  if (!entry) throw notFound(target.definition, target.name);
  return entry;
}

/** The entry's object in the target's version. Shared with the store: not to be changed. */
export function inVersion(target: Target, entry: Entry): KubeObject {
  return target.definition.convert(entry.object, target.version.name);
}

export function resourceKey(target: Target): string {
  return target.definition.storageKey;
}

/**
 * POST, and an apply that found nothing (`tracked`: managedFields are already written). `body` becomes the server's own.
 */
export function createObject(
  kernel: Kernel,
  target: Target,
  body: unknown,
  options: WriteOptions,
  tracked = false,
): KubeObject {
  const given = checkEnvelope(target, body);
  const { definition } = target;
  checkNamespace(kernel, target);
  const { metadata } = given;
  // An apply may carry one that it read; there is nothing here to compare it with.
  if (tracked) delete metadata.resourceVersion;
  if (metadata.resourceVersion) throw new Fault(500, '', 'resourceVersion should not be set on objects to be created');
  generateName(metadata);
  if (!metadata.name) throw missingName(target);
  startMetadata(kernel, target, given);
  let next = conform(target, given, options);
  completeRead(target, next);
  resetStatus(target, next);
  options.mayWrite?.(next, undefined);
  // The sharing of what tracking answers ends here: all of it came from the request.
  if (!tracked) next = track(kernel, target, undefined, next, options);
  prepareCreate(target, next, kernel);
  validate(target, next, undefined);
  const stored = definition.toStorage(next, target.version.name);
  if (kernel.store.get(definition.storageKey, metadata.namespace ?? '', metadata.name))
    throw alreadyExists(definition, metadata.name);
  if (options.dryRun) return next;
  return inVersion(target, kernel.store.put(definition.storageKey, stored));
}

function missingName(target: Target): Error {
  const { group, kind } = target.definition;
  return invalid(group, kind, '', [
    { type: 'FieldValueRequired', field: 'metadata.name', detail: 'name or generateName is required' },
  ]);
}

function startMetadata(kernel: Kernel, target: Target, object: KubeObject): void {
  const { metadata } = object;
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timestamp(kernel.now());
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete (metadata as { selfLink?: string }).selfLink;
  delete metadata.generation;
  if (target.definition.hasGeneration) metadata.generation = 1;
}

/** New content needs a namespace that exists and is not being deleted. */
function checkNamespace(kernel: Kernel, target: Target): void {
  if (!target.definition.namespaced) return;
  const namespace = kernel.store.get('/namespaces', '', target.namespace)?.object;
  if (!namespace) throw notFound({ group: '', plural: 'namespaces' }, target.namespace);
  if (!namespace.metadata.deletionTimestamp) return;
  const message = `unable to create new content in namespace ${target.namespace} because it is being terminated`;
  throw forbidden(target.definition, target.name, message, [
    {
      reason: 'NamespaceTerminating',
      message: `namespace ${target.namespace} is being terminated`,
      field: 'metadata.namespace',
    },
  ]);
}

/** Prunes, defaults and checks the object against its schema. Answers a copy. */
function conform(target: Target, object: KubeObject, options: WriteOptions, old?: KubeObject): KubeObject {
  const { definition } = target;
  const prepared = decoded(target, object, options, old);
  options.warnings.push(...prepared.warnings);
  if (prepared.errors.length > 0)
    throw invalid(definition.group, definition.kind, object.metadata.name ?? '', prepared.errors);
  if (definition.builtin) defaultBuiltin(prepared.object);
  return prepared.object;
}

function decoded(target: Target, object: KubeObject, options: WriteOptions, old: KubeObject | undefined): Prepared {
  const { fieldValidation, repeated } = options;
  const structural = !target.definition.builtin;
  try {
    return prepare(target.version.schema, object, { fieldValidation, repeated, old, structural });
  } catch (error) {
    if (error instanceof DecodeError) throw options.undecodable?.(error.detail) ?? badRequest(error.message);
    throw error;
  }
}

function validate(target: Target, next: KubeObject, old: KubeObject | undefined): void {
  const { definition } = target;
  const complaints: FieldError[] = definition.builtin ? validateBuiltin(next, old) : validateMetadata(next, old);
  if (complaints.length > 0) throw invalid(definition.group, definition.kind, next.metadata.name, complaints);
}

function track(
  kernel: Kernel,
  target: Target,
  live: KubeObject | undefined,
  next: KubeObject,
  options: WriteOptions,
): KubeObject {
  return trackUpdate({
    live,
    next,
    manager: options.manager,
    schema: target.version.schema,
    subresource: target.subresource || undefined,
    now: timestamp(kernel.now()),
    served: apiVersion => served(target, apiVersion),
  });
}

/** Whether managedFields of this version may stay: it is one of the kind's. */
export function served(target: Target, apiVersion: string): boolean {
  const { definition } = target;
  if (definition.storageKey === '/events') return true;
  return definition.versions.some(version => apiVersionOf(definition.group, version.name) === apiVersion);
}

/**
 * PUT, PATCH and an apply on something that exists. `next` is the whole object as the client wants it, in the target's
 * version; it is copied. For the status subresource only `status` is taken from it.
 */
export function replaceObject(
  kernel: Kernel,
  target: Target,
  entry: Entry,
  body: unknown,
  options: WriteOptions,
  how: { tracked?: boolean; requireVersion?: boolean } = {},
): KubeObject {
  const live = inVersion(target, entry);
  const given = clone(checkEnvelope(target, body));
  checkVersion(target, given, live, how.requireVersion ?? false);
  const status = target.subresource === 'status';
  carryMetadata(target, given, live);
  const wanted = status ? statusOnly(target, given, live) : given;
  if (!status && target.version.status && !keepsOwnStatus(target)) keepStatus(wanted, live);
  let next = conform(target, wanted, options, live);
  if (!status) completeRead(target, next);
  options.mayWrite?.(next, live);
  if (!how.tracked) next = track(kernel, target, live, next, options);
  if (!status) prepareUpdate(target, next, live, kernel);
  bumpGeneration(target, next, live);
  checkFinalizers(target, next, live);
  if (!status) validate(target, next, live);
  // Defaults and allocations may have brought back what `live` already had.
  next = keepTimes(live, next);
  if (sameValue(next, live)) return live;
  return commit(kernel, target, entry, next, options);
}

function commit(kernel: Kernel, target: Target, entry: Entry, next: KubeObject, options: WriteOptions): KubeObject {
  const stored = target.definition.toStorage(next, target.version.name);
  if (options.dryRun) return next;
  // The copy that is stored gets a new resourceVersion; `entry` keeps its own.
  const fresh = { ...stored, metadata: { ...stored.metadata } };
  if (mayBeRemoved(fresh)) {
    kernel.store.remove({ ...entry, object: fresh });
    return next;
  }
  return inVersion(target, kernel.store.put(resourceKey(target), fresh));
}

function checkVersion(target: Target, next: KubeObject, live: KubeObject, required: boolean): void {
  const { definition } = target;
  const { name } = live.metadata;
  const { resourceVersion, uid } = next.metadata;
  if (uid && uid !== live.metadata.uid)
    throw conflict(
      definition,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`,
    );
  if (resourceVersion && resourceVersion !== '0') {
    if (resourceVersion !== live.metadata.resourceVersion) throw conflict(definition, name, staleMessage);
  } else if (required && !definition.builtin) {
    const detail = 'must be specified for an update';
    throw invalid(definition.group, definition.plural, name, [
      { type: 'FieldValueInvalid', field: 'metadata.resourceVersion', value: 0, detail },
    ]);
  }
}

/** What clients cannot change. */
function carryMetadata(target: Target, next: KubeObject, live: KubeObject): void {
  const { metadata } = next;
  const kept = ['uid', 'resourceVersion', 'creationTimestamp', 'generation', 'generateName'] as const;
  for (const field of kept) {
    if (live.metadata[field] === undefined) delete metadata[field];
    else (metadata as unknown as Record<string, unknown>)[field] = live.metadata[field];
  }
  for (const field of ['deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (live.metadata[field] === undefined) delete metadata[field];
    else (metadata as unknown as Record<string, unknown>)[field] = live.metadata[field];
  }
  delete (metadata as { selfLink?: string }).selfLink;
  if (target.definition.storageKey === '/namespaces' && target.subresource !== 'finalize') {
    next.spec = { ...next.spec, finalizers: live.spec?.finalizers };
    if (next.spec.finalizers === undefined) delete next.spec.finalizers;
  }
}

function keepsOwnStatus(target: Target): boolean {
  return target.definition.storageKey === '/events';
}

function keepStatus(next: KubeObject, live: KubeObject): void {
  if (live.status === undefined) delete next.status;
  else next.status = clone(live.status);
}

/** What a write of the status subresource amounts to: the live object with another status. */
function statusOnly(target: Target, given: KubeObject, live: KubeObject): KubeObject {
  const next = clone(live);
  if (given.status === undefined) delete next.status;
  else next.status = given.status;
  // Built-in kinds let annotations and labels through their status endpoint; custom ones nothing but managedFields.
  if (target.definition.builtin) {
    if (given.metadata.annotations) next.metadata.annotations = given.metadata.annotations;
    else delete next.metadata.annotations;
  }
  if (given.metadata.managedFields) next.metadata.managedFields = given.metadata.managedFields;
  return next;
}

/** `generation` counts the changes of what a controller acts on: everything but metadata and status. */
function bumpGeneration(target: Target, next: KubeObject, live: KubeObject): void {
  const { definition, version } = target;
  if (!definition.hasGeneration || target.subresource === 'status') return;
  const fields = new Set([...Object.keys(next), ...Object.keys(live)]);
  for (const field of ['apiVersion', 'kind', 'metadata']) fields.delete(field);
  if (version.status) fields.delete('status');
  let changed = [...fields].some(field => !sameValue(next[field], live[field]));
  if (definition.storageKey === 'apps/deployments')
    changed ||= !sameValue(next.metadata.annotations ?? {}, live.metadata.annotations ?? {});
  next.metadata.generation = (live.metadata.generation ?? 0) + (changed ? 1 : 0) || 1;
}

function checkFinalizers(target: Target, next: KubeObject, live: KubeObject): void {
  if (!live.metadata.deletionTimestamp) return;
  const added = (next.metadata.finalizers ?? []).filter(finalizer => !live.metadata.finalizers?.includes(finalizer));
  if (added.length === 0) return;
  const list = added.map(finalizer => JSON.stringify(finalizer)).join(', ');
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
  const { group, kind } = target.definition;
  throw invalid(group, kind, live.metadata.name, [
    { type: 'FieldValueForbidden', field: 'metadata.finalizers', detail },
  ]);
}
