import type { KubeObject } from '../../api/object.ts';
import { badRequest, conflict, Fault, invalid, unsupportedMediaType } from '../faults.ts';
import { jsonPatch, mergePatch, PatchError, strategicMergePatch } from '../objects/patch.ts';
import { ApplyConflict, ApplyError, serverSideApply } from '../objects/server-side-apply.ts';
import { apiVersionOf } from '../resources/definition.ts';
import { clone } from './clone.ts';
import { type Kernel, type Target, timestamp, type WriteOptions } from './kernel.ts';
import { checkEnvelope } from './metadata.ts';
import { createObject, inVersion, liveEntry, replaceObject, served } from './write.ts';

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

const mediaTypes: Record<string, PatchType> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

export function patchTypeOf(contentType: string, target: Target): PatchType {
  const type = mediaTypes[contentType];
  const supported = Object.keys(mediaTypes).filter(known => target.definition.builtin || !known.includes('strategic'));
  if (!type || !supported.includes(contentType)) throw unsupportedMediaType(contentType, supported);
  return type;
}

/** PATCH of the three kinds that need the object to exist. */
export function patchObject(
  kernel: Kernel,
  target: Target,
  type: Exclude<PatchType, 'apply'>,
  body: unknown,
  options: WriteOptions,
): KubeObject {
  const entry = liveEntry(kernel, target);
  const live = inVersion(target, entry);
  const patched = applyPatch(target, type, live, body);
  if (type === 'json') keepIdentity(patched, live);
  return replaceObject(kernel, target, entry, patched, options);
}

/** One of the three patches, on a copy of `live`. */
export function applyPatch(
  target: Target,
  type: Exclude<PatchType, 'apply'>,
  live: KubeObject,
  body: unknown,
  schema = target.version.schema,
): KubeObject {
  try {
    if (type === 'json') return jsonPatch(clone(live), body as never) as KubeObject;
    if (typeof body !== 'object' || body === null) throw badRequest('the body of the patch is not a JSON object');
    if (type === 'merge') return mergePatch(clone(live), body as never) as KubeObject;
    return strategicMergePatch(clone(live), body as never, schema) as KubeObject;
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (error instanceof PatchError) throw new Fault(error.status, error.code, error.message, {});
    throw error;
  }
}

/** A JSON patch may replace the whole document; what it is stays. */
function keepIdentity(patched: KubeObject, live: KubeObject): void {
  if (typeof patched !== 'object' || patched === null || !patched.metadata) return;
  patched.metadata.uid ??= live.metadata.uid!;
}

export interface ApplyRequest extends WriteOptions {
  force: boolean;
  /** Throws when the requester may not create; an apply that finds nothing creates. */
  mayCreate(): void;
}

/** PATCH with `application/apply-patch+yaml`. Answers whether it created. */
export function applyObject(
  kernel: Kernel,
  target: Target,
  body: unknown,
  options: ApplyRequest,
): { object: KubeObject; created: boolean } {
  const { definition } = target;
  if (!options.manager)
    throw invalid('meta.k8s.io', 'PatchOptions', '', [
      { type: 'FieldValueRequired', field: 'fieldManager', detail: 'is required for apply patch' },
    ]);
  checkApplied(target, body);
  const applied = checkEnvelope(target, body);
  const entry = kernel.store.get(definition.storageKey, target.namespace, target.name);
  if (!entry) {
    if (target.subresource) liveEntry(kernel, target);
    options.mayCreate();
    if (applied.metadata.uid)
      throw conflict(
        definition,
        target.name,
        `uid mismatch: the provided object specified uid ${applied.metadata.uid}, and no existing object was found`,
      );
    const merged = merge(kernel, target, undefined, applied, options);
    return { object: createObject(kernel, target, clone(merged), options, true), created: true };
  }
  const live = inVersion(target, entry);
  const merged = merge(kernel, target, live, applied, options);
  return { object: replaceObject(kernel, target, entry, merged, options, { tracked: true }), created: false };
}

/** An applied configuration says itself what it is. */
function checkApplied({ definition, version }: Target, body: unknown): void {
  const { apiVersion = '', kind = '' } = (body ?? {}) as Partial<KubeObject>;
  if (apiVersion !== '' && kind !== '') return;
  const expected = `${apiVersionOf(definition.group, version.name)}, Kind=${definition.kind}`;
  throw badRequest(`invalid object type: ${apiVersion}, Kind=${kind}; apiVersion and kind must be given (${expected})`);
}

function merge(
  kernel: Kernel,
  target: Target,
  live: KubeObject | undefined,
  applied: KubeObject,
  options: ApplyRequest,
): KubeObject {
  try {
    return serverSideApply({
      live,
      applied,
      manager: options.manager,
      force: options.force,
      schema: target.version.schema,
      subresource: target.subresource || undefined,
      now: timestamp(kernel.now()),
      served: apiVersion => served(target, apiVersion),
    });
  } catch (error) {
    if (error instanceof ApplyConflict) throw new Fault(409, 'Conflict', error.message, { causes: [...error.causes] });
    if (error instanceof ApplyError)
      throw new Fault(error.status, error.status === 500 ? '' : error.code, error.message);
    throw error;
  }
}
