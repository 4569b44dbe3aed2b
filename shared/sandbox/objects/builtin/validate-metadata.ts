import type { KubeObject } from '../../../api/object.ts';
import type { FieldError } from '../field-error.ts';
import { forbidden, invalid, required } from '../field-error.ts';
import { sameValue } from '../same-value.ts';
import type { Fields } from './fields.ts';
import { isFields, listOf } from './fields.ts';
import { dnsLabel, dnsSubdomain, labelValue, pathSegment, qualifiedName } from './names.ts';

type NameRule = (text: string) => string[];

/** Kinds whose names follow another rule than a DNS subdomain's. */
const nameRules: Record<string, NameRule> = {
  '/Service': dnsLabel,
  '/Namespace': dnsLabel,
  'rbac.authorization.k8s.io/Role': pathSegment,
  'rbac.authorization.k8s.io/ClusterRole': pathSegment,
  'rbac.authorization.k8s.io/RoleBinding': pathSegment,
  'rbac.authorization.k8s.io/ClusterRoleBinding': pathSegment,
  '/Event': () => [],
  'events.k8s.io/Event': () => [],
};

/** The rule for the names of a kind. */
export function nameRuleOf(group: string, kind: string): NameRule {
  return nameRules[`${group}/${kind}`] ?? dnsSubdomain;
}

const totalAnnotations = 256 * 1024;

/** What is wrong with an object's metadata, for built-in kinds and custom resources alike. */
export function validateMetadata(object: KubeObject, old?: KubeObject): FieldError[] {
  const { metadata } = object;
  const slash = object.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : object.apiVersion.slice(0, slash);
  const rule = nameRuleOf(group, object.kind);
  const errors: FieldError[] = [];
  if (!old) errors.push(...validateName(metadata, rule));
  errors.push(
    ...labelErrors(metadata.labels, 'metadata.labels'),
    ...annotationErrors(metadata.annotations),
    ...ownerErrors(metadata),
  );
  for (const [i, finalizer] of (metadata.finalizers ?? []).entries())
    errors.push(...finalizerErrors(finalizer, `metadata.finalizers[${i}]`, isOwnGroup(group)));
  if (old) errors.push(...immutableMetadata(object, old));
  return errors;
}

function validateName(metadata: KubeObject['metadata'], rule: NameRule): FieldError[] {
  const errors: FieldError[] = [];
  if (metadata.generateName) {
    const prefix = metadata.generateName.replace(/-$/, 'a');
    errors.push(...rule(prefix).map(message => invalid('metadata.generateName', metadata.generateName, message)));
  }
  if (!metadata.name) errors.push(required('metadata.name', 'name or generateName is required'));
  else errors.push(...rule(metadata.name).map(message => invalid('metadata.name', metadata.name, message)));
  return errors;
}

export function labelErrors(labels: Fields | undefined, path: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...qualifiedName(key).map(message => invalid(path, key, message)),
    ...labelValue(String(value)).map(message => invalid(path, value, message)),
  ]);
}

function annotationErrors(annotations: Fields | undefined): FieldError[] {
  const entries = Object.entries(annotations ?? {});
  const errors = entries.flatMap(([key]) =>
    qualifiedName(key.toLowerCase()).map(message => invalid('metadata.annotations', key, message)),
  );
  const size = entries.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(String(value)),
    0,
  );
  if (size > totalAnnotations)
    errors.push({
      type: 'FieldValueTooLong',
      field: 'metadata.annotations',
      detail: `may not be more than ${totalAnnotations} bytes`,
    });
  return errors;
}

function ownerErrors(metadata: KubeObject['metadata']): FieldError[] {
  const errors: FieldError[] = [];
  let controllers = 0;
  for (const owner of metadata.ownerReferences ?? []) {
    // Without the index, as the API server names it.
    const path = 'metadata.ownerReferences';
    for (const name of ['apiVersion', 'kind', 'name', 'uid'] as const)
      if (!owner[name])
        errors.push(
          invalid(
            `${path}.${name}`,
            owner[name] ?? '',
            name === 'apiVersion' ? 'version must not be empty' : 'must not be empty',
          ),
        );
    if (owner.controller && ++controllers === 2)
      errors.push(
        invalid(
          'metadata.ownerReferences',
          metadata.ownerReferences,
          'Only one reference can have Controller set to true',
        ),
      );
  }
  return errors;
}

const standardFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** Groups validated by Kubernetes' core package; definitions and custom resources may have finalizers without a slash. */
function isOwnGroup(group: string): boolean {
  return (
    !group.includes('.') ||
    /^(networking|storage|rbac\.authorization|policy|scheduling|coordination)\.k8s\.io$/.test(group)
  );
}

function finalizerErrors(finalizer: string, path: string, strict: boolean): FieldError[] {
  const errors = qualifiedName(finalizer).map(message => invalid('metadata.finalizers', finalizer, message));
  if (strict && errors.length === 0 && !finalizer.includes('/') && !standardFinalizers.has(finalizer))
    errors.push(invalid(path, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'));
  return errors;
}

function immutableMetadata(object: KubeObject, old: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  const before = old.metadata;
  const added = (object.metadata.finalizers ?? []).filter(finalizer => !before.finalizers?.includes(finalizer));
  if (before.deletionTimestamp && added.length > 0)
    errors.push(
      forbidden(
        'metadata.finalizers',
        `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map(name => JSON.stringify(name)).join(', ')}}`,
      ),
    );
  for (const name of ['name', 'namespace', 'uid'] as const)
    errors.push(...immutable(object.metadata[name], before[name], `metadata.${name}`));
  return errors;
}

/** Nothing, or that the field may not change. */
export function immutable(value: unknown, old: unknown, path: string): FieldError[] {
  return sameValue(value ?? null, old ?? null) ? [] : [invalid(path, value ?? null, 'field is immutable')];
}

/** What is wrong with a label selector. */
export function selectorErrors(selector: Fields | undefined, path: string): FieldError[] {
  if (!isFields(selector)) return [];
  const errors = labelErrors(selector.matchLabels, `${path}.matchLabels`);
  for (const [i, expression] of listOf(selector.matchExpressions).entries()) {
    const at = `${path}.matchExpressions[${i}]`;
    const { operator, values = [] } = expression;
    if ((operator === 'In' || operator === 'NotIn') && values.length === 0)
      errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    else if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0)
      errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    else if (!['In', 'NotIn', 'Exists', 'DoesNotExist'].includes(operator))
      errors.push(invalid(`${at}.operator`, operator ?? '', 'not a valid selector operator'));
    errors.push(
      ...qualifiedName(expression.key ?? '').map(message => invalid(`${at}.key`, expression.key ?? '', message)),
    );
  }
  return errors;
}

/** Whether the labels are among those that a selector selects. */
export function selects(selector: Fields | undefined, labels: Fields | undefined): boolean {
  if (!isFields(selector)) return false;
  const has = labels ?? {};
  if (!Object.entries(selector.matchLabels ?? {}).every(([key, value]) => has[key] === value)) return false;
  return listOf(selector.matchExpressions).every(({ key, operator, values = [] }) => {
    const value = has[key];
    if (operator === 'In') return value !== undefined && values.includes(value);
    if (operator === 'NotIn') return value === undefined || !values.includes(value);
    return operator === 'Exists' ? value !== undefined : value === undefined;
  });
}
