import { randomBytes } from 'node:crypto';
import type { KubeObject, ObjectMeta } from '../../api/object.ts';
import { badRequest, type Fault, invalid } from '../faults.ts';
import { apiVersionOf } from '../resources/definition.ts';
import type { Target } from './kernel.ts';

/** An object out of a request's body: of the kind, in the version and at the place that the request's path names. */
export function checkEnvelope(target: Target, body: unknown): KubeObject {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badRequest('the body of the request is not a JSON object');
  const object = body as KubeObject;
  const { definition, version } = target;
  const expected = apiVersionOf(definition.group, version.name);
  if (!definition.builtin && !object.kind)
    throw badRequest(
      `the object provided is unrecognized (must be of type ${definition.kind}): Object 'Kind' is missing`,
    );
  object.kind ??= definition.kind;
  object.apiVersion ??= expected;
  if (object.apiVersion !== expected)
    throw badRequest(
      `the API version in the data (${String(object.apiVersion)}) does not match the expected API version (${expected})`,
    );
  if (object.kind !== definition.kind) throw otherKind(target, object);
  if (typeof object.metadata !== 'object' || object.metadata === null) object.metadata = { name: '' };
  checkPlace(target, object.metadata);
  return object;
}

/** An object of a custom kind is read as whatever it says to be, and refused when it is validated. */
function otherKind({ definition, name }: Target, { kind, metadata }: KubeObject): Fault {
  if (definition.builtin)
    return badRequest(`the kind in the data (${String(kind)}) does not match the expected kind (${definition.kind})`);
  return invalid(definition.group, kind, metadata?.name ?? name, [
    { type: 'FieldValueInvalid', field: 'kind', value: kind, detail: `must be ${definition.kind}` },
  ]);
}

function checkPlace(target: Target, metadata: ObjectMeta): void {
  if (target.definition.namespaced) {
    metadata.namespace ||= target.namespace;
    if (metadata.namespace !== target.namespace)
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  } else {
    delete metadata.namespace;
  }
  if (!target.name) return;
  metadata.name ||= target.name;
  if (metadata.name !== target.name)
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${target.name})`);
}

const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Gives the object a name out of `generateName`. */
export function generateName(metadata: ObjectMeta): void {
  if (metadata.name || !metadata.generateName) return;
  const suffix = [...randomBytes(5)].map(byte => suffixAlphabet[byte % suffixAlphabet.length]).join('');
  metadata.name = `${metadata.generateName.slice(0, 58)}${suffix}`;
}
