import { randomBytes } from 'node:crypto';
import type { KubeObject, ObjectMeta } from '../../api/object.ts';
import { badRequest } from '../faults.ts';
import type { FieldError } from '../objects/field-error.ts';
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
  if (object.kind !== definition.kind)
    throw badRequest(
      `the kind in the data (${String(object.kind)}) does not match the expected kind (${definition.kind})`,
    );
  if (object.apiVersion !== expected)
    throw badRequest(
      `the API version in the data (${String(object.apiVersion)}) does not match the expected API version (${expected})`,
    );
  if (typeof object.metadata !== 'object' || object.metadata === null) object.metadata = { name: '' };
  checkPlace(target, object.metadata);
  return object;
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

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelName = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const labelNameRule =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
  "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const labelValueRule =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const annotationsLimit = 256 * 1024;

/** The rules of metadata that hold for objects of custom kinds. */
export function validateMetadata(metadata: ObjectMeta): FieldError[] {
  const complaints: FieldError[] = [];
  const { name, labels = {}, annotations = {}, finalizers = [] } = metadata;
  if (!name) complaints.push(required('metadata.name', 'name or generateName is required'));
  else if (name.length > 253) complaints.push(wrong('metadata.name', name, 'must be no more than 253 characters'));
  else if (!subdomain.test(name)) complaints.push(wrong('metadata.name', name, subdomainRule));
  for (const [key, value] of Object.entries(labels)) {
    complaints.push(...validateKey('metadata.labels', key));
    if (value.length > 63) complaints.push(wrong('metadata.labels', value, 'must be no more than 63 characters'));
    else if (!labelValue.test(value)) complaints.push(wrong('metadata.labels', value, labelValueRule));
  }
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    complaints.push(...validateKey('metadata.annotations', key));
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (size > annotationsLimit)
    complaints.push({
      type: 'FieldValueTooLong',
      field: 'metadata.annotations',
      detail: `may not be more than ${annotationsLimit} bytes`,
    });
  for (const finalizer of finalizers) complaints.push(...validateKey('metadata.finalizers', finalizer));
  return [...complaints, ...validateOwners(metadata)];
}

function validateOwners({ ownerReferences = [] }: ObjectMeta): FieldError[] {
  const complaints: FieldError[] = [];
  const field = 'metadata.ownerReferences';
  for (const owner of ownerReferences) {
    if (!owner.apiVersion)
      complaints.push({ ...wrong(`${field}.apiVersion`, owner.apiVersion, 'version must not be empty') });
    if (!owner.kind) complaints.push(wrong(`${field}.kind`, owner.kind, 'must not be empty'));
    if (!owner.name) complaints.push(wrong(`${field}.name`, owner.name, 'must not be empty'));
    if (!owner.uid) complaints.push(wrong(`${field}.uid`, owner.uid, 'must not be empty'));
  }
  if (ownerReferences.filter(owner => owner.controller).length > 1)
    complaints.push(wrong(field, ownerReferences, 'Only one reference can have Controller set to true'));
  return complaints;
}

function validateKey(field: string, key: string): FieldError[] {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  if (prefix !== undefined && (prefix.length > 253 || !subdomain.test(prefix.toLowerCase())))
    return [wrong(field, key, `prefix part ${subdomainRule}`)];
  if (name.length > 63) return [wrong(field, key, 'name part must be no more than 63 characters')];
  return labelName.test(name) ? [] : [wrong(field, key, labelNameRule)];
}

function required(field: string, detail: string): FieldError {
  return { type: 'FieldValueRequired', field, detail };
}

function wrong(field: string, value: unknown, detail: string): FieldError {
  return { type: 'FieldValueInvalid', field, value, detail };
}
