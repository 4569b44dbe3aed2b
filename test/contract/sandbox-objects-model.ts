import { request } from 'node:https';
import type { KubeObject } from '../../shared/api/object.ts';
import { defaultBuiltin, validateBuiltin } from '../../shared/sandbox/objects/builtin.ts';
import type { FieldError } from '../../shared/sandbox/objects/field-error.ts';
import { causeMessage, errorsText } from '../../shared/sandbox/objects/field-error.ts';
import { keepTimes, trackUpdate } from '../../shared/sandbox/objects/managed-fields.ts';
import { jsonPatch, mergePatch, strategicMergePatch } from '../../shared/sandbox/objects/patch.ts';
import { sameValue } from '../../shared/sandbox/objects/same-value.ts';
import { compileSchema, type Schema } from '../../shared/sandbox/objects/schema.ts';
import { ApplyConflict, serverSideApply } from '../../shared/sandbox/objects/server-side-apply.ts';
import { DecodeError, prepare } from '../../shared/sandbox/objects/validate.ts';

/** One request of a sequence, sent to the real server and played by the functions. */
export interface Step {
  verb: 'create' | 'update' | 'apply' | 'json' | 'merge' | 'strategic';
  manager: string;
  force?: boolean;
  subresource?: 'status';
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  /** The body, or how to make it from what is stored. */
  body: unknown | ((live: KubeObject) => unknown);
}

/** What came of a step, without what two servers can never have in common. */
export type Outcome = { object: unknown; changed: boolean } | { status: number; message: string; causes: unknown };

export interface Resource {
  apiVersion: string;
  kind: string;
  plural: string;
  name: string;
  namespace: string;
  /** The schema of a custom resource. */
  crd?: unknown;
}

/** Plays the requests with the sandbox's functions alone, in the order in which the API server works. */
export class Model {
  readonly resource: Resource;
  readonly schema: Schema;
  live: KubeObject | undefined;

  constructor(resource: Resource, document: OpenApiDocument | undefined) {
    this.resource = resource;
    this.schema = document ? schemaIn(document, resource) : compileSchema(resource.crd);
  }

  /** `now`: RFC 3339, when the step is taken: the order of managedFields goes by it. */
  run(step: Step, now: string): Outcome {
    try {
      const live = step.verb === 'create' ? undefined : this.live;
      const next = this.#next(step, live, now);
      const changed = !live || !sameValue(live, next);
      return { object: comparable(next), changed };
    } catch (error) {
      return failure(error, step);
    }
  }

  #next(step: Step, live: KubeObject | undefined, now: string): KubeObject {
    const body = bodyOf(step, live) as KubeObject;
    const tracking = { schema: this.schema, manager: step.manager, subresource: step.subresource, now };
    const fieldValidation = step.fieldValidation ?? 'Strict';
    if (step.verb === 'apply') {
      const merged = serverSideApply({ ...tracking, live, applied: body, force: step.force ?? false });
      return keepTimes(live, this.#finish(merged, live, 'Ignore', step));
    }
    const wanted = this.#patched(step, body);
    return trackUpdate({ ...tracking, live, next: this.#finish(wanted, live, fieldValidation, step) });
  }

  #patched(step: Step, body: KubeObject): KubeObject {
    if (step.verb === 'json') return jsonPatch(this.live!, body);
    if (step.verb === 'merge') return mergePatch(this.live!, body);
    if (step.verb === 'strategic') return strategicMergePatch(this.live!, body, this.schema);
    return body;
  }

  #finish(
    object: KubeObject,
    live: KubeObject | undefined,
    fieldValidation: 'Strict' | 'Warn' | 'Ignore',
    step: Step,
  ): KubeObject {
    const source = step.subresource === 'status' && live ? onlyStatus(object, live) : withStatusOf(object, live);
    const { resource } = this;
    const metadata = { ...source.metadata, namespace: resource.namespace, uid: live?.metadata.uid ?? 'uid' };
    const structural = resource.crd !== undefined;
    const prepared = prepare(this.schema, { ...source, metadata }, { fieldValidation, old: live, structural });
    if (structural) refuse(prepared.errors, resource);
    else {
      defaultBuiltin(prepared.object);
      if (step.subresource !== 'status') refuse(validateBuiltin(prepared.object, live), resource);
    }
    return prepared.object;
  }
}

function onlyStatus(object: KubeObject, live: KubeObject): KubeObject {
  const { managedFields } = object.metadata;
  const metadata = { ...live.metadata, ...(managedFields ? { managedFields } : {}) };
  return { ...live, metadata, status: object.status };
}

function withStatusOf(object: KubeObject, live: KubeObject | undefined): KubeObject {
  const { status: _, ...rest } = object;
  return live?.status === undefined ? (rest as KubeObject) : ({ ...rest, status: live.status } as KubeObject);
}

class Invalid extends Error {
  readonly status = 422;
  readonly causes: unknown[];
  constructor(message: string, errors: FieldError[]) {
    super(message);
    this.causes = errors.map(error => ({ reason: error.type, message: causeMessage(error), field: error.field }));
  }
}

function refuse(errors: FieldError[], { kind, apiVersion, name }: Resource): void {
  if (errors.length === 0) return;
  const group = apiVersion.includes('/') ? `.${apiVersion.split('/')[0]}` : '';
  throw new Invalid(`${kind}${group} ${JSON.stringify(name)} is invalid: ${errorsText(errors)}`, errors);
}

function failure(error: unknown, step: Step): Outcome {
  const { status, message, causes } = error as { status?: number; message: string; causes?: unknown[] };
  if (status === undefined) throw error;
  // A patch whose result cannot be decoded is itself called invalid, with all of that result in the message.
  if (error instanceof DecodeError && (step.verb === 'json' || step.verb === 'merge'))
    return { status: 422, message: message.replace(/^.* cannot be handled as a \w+: /, ''), causes: [] };
  const shown = error instanceof ApplyConflict || causes ? causes! : [];
  return { status, message: inShort(message), causes: sortCauses(shown as object[]) };
}

/** Several faults come in no fixed order, and are compared as causes; differences of whole specs are not shown here. */
function inShort(message: string): string {
  const [first = ''] = message.split('\n@@');
  return first.replace(/ is invalid: \[.*\]$/s, ' is invalid: […]');
}

function sortCauses(causes: object[]): unknown[] {
  // Some checks of the real server run twice and say the same twice; differences of whole specs are not shown here.
  const texts = (causes as Record<string, string>[]).map(
    ({ reason, message, field }) => `${reason} ${field}: ${message?.split('\n')[0]}`,
  );
  return [...new Set(texts)].sort();
}

function bodyOf(step: Step, live: KubeObject | undefined): unknown {
  return typeof step.body === 'function' ? step.body(structuredClone(live)) : structuredClone(step.body);
}

/** Claims get it from an admission controller that is not played here. */
const protection = 'kubernetes.io/pvc-protection';
const givenOut = ['uid', 'resourceVersion', 'creationTimestamp', 'generation', 'selfLink'];
const allocated = [
  'clusterIP',
  'clusterIPs',
  'ipFamilies',
  'ipFamilyPolicy',
  'finalizers',
  'tolerations',
  'priority',
  'preemptionPolicy',
];

/**
 * When a step was taken, as the server's managedFields tell of it, which may be a second later than the step before. Any time
 * where they tell of none: then the server has changed nothing.
 */
export function timeOf({ verb, manager, subresource }: Step, live: KubeObject | undefined): string {
  const operation = verb === 'apply' ? 'Apply' : 'Update';
  const own = live?.metadata.managedFields?.find(
    entry => entry.manager === manager && entry.operation === operation && entry.subresource === subresource,
  );
  return own?.time ?? '2026-01-01T00:00:00Z';
}

/** The object without what each server gives out by itself: identity, times, addresses, a status that nobody wrote. */
export function comparable(object: KubeObject): unknown {
  const copy = structuredClone(object);
  const metadata = copy.metadata as unknown as Record<string, unknown>;
  for (const field of givenOut) delete metadata[field];
  if (copy.metadata.finalizers?.includes(protection)) delete copy.metadata.finalizers;
  const entries = (copy.metadata.managedFields ?? []).map(({ time: _, ...entry }) => entry);
  metadata.managedFields = entries.sort((a, b) =>
    JSON.stringify([a.manager, a.operation, a.apiVersion]) < JSON.stringify([b.manager, b.operation, b.apiVersion])
      ? -1
      : 1,
  );
  for (const field of allocated) delete copy.spec?.[field];
  if (!entries.some(entry => entry.subresource === 'status')) delete copy.status;
  return copy;
}

export interface OpenApiDocument {
  components: { schemas: Record<string, Record<string, unknown>> };
}

function schemaIn({ components: { schemas } }: OpenApiDocument, { apiVersion, kind }: Resource): Schema {
  const [version, group = ''] = apiVersion.split('/').reverse();
  const name = Object.entries(schemas).find(([, schema]) =>
    (schema['x-kubernetes-group-version-kind'] as { group: string; version: string; kind: string }[] | undefined)?.some(
      one => one.group === group && one.version === version && one.kind === kind,
    ),
  )?.[0];
  if (!name) throw new Error(`no schema of ${apiVersion} ${kind}`);
  return compileSchema(
    { $ref: `#/components/schemas/${name}` },
    ref => schemas[ref.slice('#/components/schemas/'.length)],
  );
}

const contentTypes = {
  create: 'application/json',
  update: 'application/json',
  apply: 'application/apply-patch+yaml',
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};

/** A real API server, as far as the comparison needs it. */
export class Real {
  readonly #url: string;
  readonly #token: string;
  readonly #ca: string;
  live: KubeObject | undefined;

  constructor(access: { url: string; token: string; ca: string }) {
    this.#url = access.url;
    this.#token = access.token;
    this.#ca = access.ca;
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    type = 'application/json',
  ): Promise<{ status: number; body: KubeObject }> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${this.#token}`, 'content-type': type };
      const call = request(`${this.#url}${path}`, { method, headers, ca: this.#ca }, response => {
        const chunks: Buffer[] = [];
        response.on('data', chunk => chunks.push(chunk));
        response.on('end', () => {
          const answer = Buffer.concat(chunks).toString();
          const isJson = response.headers['content-type']?.includes('json');
          resolve({ status: response.statusCode!, body: isJson ? JSON.parse(answer) : { message: answer } });
        });
      });
      call.on('error', reject);
      call.end(text);
    });
  }

  async run(resource: Resource, step: Step): Promise<Outcome> {
    const { apiVersion, namespace, plural, name } = resource;
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const collection = `${root}/namespaces/${namespace}/${plural}`;
    const at =
      step.verb === 'create' ? collection : `${collection}/${name}${step.subresource ? `/${step.subresource}` : ''}`;
    const method = step.verb === 'create' ? 'POST' : step.verb === 'update' ? 'PUT' : 'PATCH';
    const query = new URLSearchParams({ fieldManager: step.manager });
    if (step.verb === 'apply') query.set('force', String(step.force ?? false));
    else query.set('fieldValidation', step.fieldValidation ?? 'Strict');
    const answer = await this.call(method, `${at}?${query}`, bodyOf(step, this.live), contentTypes[step.verb]);
    if (answer.status >= 400) {
      const { message, details } = answer.body as unknown as { message: string; details?: { causes?: object[] } };
      const undecodable = /is invalid: patch: Invalid value: ".*": (.*?)$/s.exec(message);
      if (undecodable) return { status: answer.status, message: undecodable[1]!, causes: [] };
      return { status: answer.status, message: inShort(message), causes: sortCauses(details?.causes ?? []) };
    }
    const changed = this.live?.metadata.resourceVersion !== answer.body.metadata.resourceVersion;
    this.live = answer.body;
    return { object: comparable(answer.body), changed };
  }
}
