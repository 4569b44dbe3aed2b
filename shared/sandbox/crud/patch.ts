import type { KubeObject } from '../../api/object.ts';
import { badRequest, conflict, Fault, invalid, unsupportedMediaType } from '../faults.ts';
import { jsonPatch, mergePatch, PatchError, strategicMergePatch } from '../objects/patch.ts';
import { ApplyConflict, ApplyError, serverSideApply } from '../objects/server-side-apply.ts';
import { goValue } from '../objects/typed-merge.ts';
import { apiVersionOf } from '../resources/definition.ts';
import { clone } from './clone.ts';
import { type Kernel, type Target, timestamp, type WriteOptions } from './kernel.ts';
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
  if (!type && target.definition.builtin)
    throw new Fault(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
  if (!type || !supported.includes(contentType)) throw unsupportedMediaType(supported);
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
  const shown = (): string => (type === 'strategic' ? goValue(body) : JSON.stringify(patched));
  const unfit = (detail: string): Fault =>
    invalid('', '', '', [{ type: 'FieldValueInvalid', field: 'patch', value: shown(), detail }]);
  if (target.definition.builtin && patched?.kind !== undefined && patched.kind !== target.definition.kind)
    throw unfit(unregistered(patched));
  if (!patched?.metadata?.name)
    throw badRequest(`the name of the object (${target.name} based on URL) was undeterminable: name must be provided`);
  return replaceObject(kernel, target, entry, patched, {
    ...options,
    // The operations of a JSON patch are no fields of the object.
    repeated: type === 'json' ? undefined : options.repeated,
    undecodable: detail => unfit(inPatch(type, detail)),
  });
}

function unregistered({ kind, apiVersion }: KubeObject): string {
  return `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/runtime/scheme.go:111"`;
}

/** A strategic merge fails at the value itself, before the object is decoded. */
function inPatch(type: PatchType, detail: string): string {
  const wrong = /^json: cannot unmarshal .* of type (\S+)$/.exec(detail);
  return type === 'strategic' && wrong ? `unrecognized type: ${wrong[1]}` : detail;
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
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      throw badRequest(
        `error decoding patch: json: cannot unmarshal ${Array.isArray(body) ? 'array' : typeof body} into Go value of type map[string]interface {}`,
      );
    if (type === 'merge') return mergePatch(clone(live), body as never) as KubeObject;
    return strategicMergePatch(clone(live), body as never, schema) as KubeObject;
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (error instanceof PatchError)
      throw new Fault(error.status, error.code, error.message, error.status === 422 ? {} : undefined);
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
  const applied = checkApplied(target, body);
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

/** An applied configuration says itself what it is. Where it belongs is looked at when it is merged. */
function checkApplied({ definition, version }: Target, body: unknown): KubeObject {
  const { apiVersion = '', kind = '' } = (body ?? {}) as Partial<KubeObject>;
  if (apiVersion !== apiVersionOf(definition.group, version.name) || kind !== definition.kind)
    throw badRequest(`invalid object type: ${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`);
  const { metadata, ...rest } = body as KubeObject;
  return typeof metadata === 'object' && metadata !== null
    ? (body as KubeObject)
    : ({ ...rest, metadata: {} } as KubeObject);
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
