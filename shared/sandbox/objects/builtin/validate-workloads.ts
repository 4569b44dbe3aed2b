import type { FieldError } from '../field-error.ts';
import { forbidden, invalid, notSupported, required } from '../field-error.ts';
import { sameValue } from '../same-value.ts';
import type { Fields } from './fields.ts';
import { isFields, listOf } from './fields.ts';
import { immutable, labelErrors, selectorErrors, selects } from './validate-metadata.ts';
import { podSpecErrors } from './validate-pod.ts';

/** That a number is not below zero. */
export function nonNegative(value: unknown, path: string): FieldError[] {
  return typeof value === 'number' && value < 0 ? [invalid(path, value, 'must be greater than or equal to 0')] : [];
}

function templateErrors(template: Fields, path: string): FieldError[] {
  return [
    ...labelErrors(template.metadata?.labels, `${path}.labels`),
    ...podSpecErrors(template.spec ?? {}, `${path}.spec`),
  ];
}

/** What a controller of always running pods asks of its selector and template. */
function controlled(spec: Fields, kind: string, shown: string): FieldError[] {
  const { selector, template = {} } = spec;
  const errors: FieldError[] = [];
  if (!isFields(selector)) errors.push(required('spec.selector'));
  else {
    errors.push(...selectorErrors(selector, 'spec.selector'));
    const isEmpty = Object.keys(selector.matchLabels ?? {}).length + listOf(selector.matchExpressions).length === 0;
    if (isEmpty) errors.push(invalid('spec.selector', selector, `empty selector is invalid for ${shown}`));
    else if (!selects(selector, template.metadata?.labels))
      errors.push(
        invalid(
          'spec.template.metadata.labels',
          template.metadata?.labels ?? null,
          '`selector` does not match template `labels`',
        ),
      );
  }
  if (!isFields(selector))
    errors.push(
      invalid(
        'spec.template.metadata.labels',
        template.metadata?.labels ?? null,
        '`selector` does not match template `labels`',
      ),
    );
  errors.push(...templateErrors(template, 'spec.template'));
  if (template.spec?.restartPolicy !== 'Always')
    errors.push(notSupported('spec.template.spec.restartPolicy', template.spec?.restartPolicy, ['Always']));
  if (template.spec?.activeDeadlineSeconds !== undefined)
    errors.push(
      forbidden('spec.template.spec.activeDeadlineSeconds', `activeDeadlineSeconds in ${kind} is not Supported`),
    );
  return errors;
}

export function deploymentErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const errors = [
    ...nonNegative(spec.replicas, 'spec.replicas'),
    ...controlled(spec, 'ReplicaSet', 'deployment'),
    ...strategyErrors(spec.strategy ?? {}),
  ];
  for (const name of ['minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds'])
    errors.push(...nonNegative(spec[name], `spec.${name}`));
  if (spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0))
    errors.push(
      invalid('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds, 'must be greater than minReadySeconds'),
    );
  if (old) errors.push(...immutable(spec.selector, old.spec?.selector, 'spec.selector'));
  return errors;
}

function strategyErrors(strategy: Fields): FieldError[] {
  const path = 'spec.strategy';
  if (strategy.type === 'Recreate')
    return strategy.rollingUpdate
      ? [forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")]
      : [];
  if (strategy.type !== 'RollingUpdate')
    // The API server shows the whole struct, in its own names.
    return [
      notSupported(path, { Type: strategy.type, RollingUpdate: strategy.rollingUpdate ?? null }, [
        'Recreate',
        'RollingUpdate',
      ]),
    ];
  const { maxUnavailable, maxSurge } = strategy.rollingUpdate ?? {};
  const errors = [
    ...amountErrors(maxUnavailable, `${path}.rollingUpdate.maxUnavailable`),
    ...amountErrors(maxSurge, `${path}.rollingUpdate.maxSurge`),
  ];
  if (Number.parseInt(maxUnavailable, 10) === 0 && Number.parseInt(maxSurge, 10) === 0)
    errors.push(invalid(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  return errors;
}

function amountErrors(value: unknown, path: string): FieldError[] {
  if (typeof value === 'number') return nonNegative(value, path);
  if (typeof value !== 'string' || /^[0-9]+%$/.test(value)) return [];
  return [
    invalid(
      path,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ),
  ];
}

export function replicaSetErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const errors = [...nonNegative(spec.replicas, 'spec.replicas'), ...controlled(spec, 'ReplicaSet', 'deployment')];
  if (old) errors.push(...immutable(spec.selector, old.spec?.selector, 'spec.selector'));
  return errors;
}

export function daemonSetErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const errors = controlled(spec, 'DaemonSet', 'daemonset');
  if (old) errors.push(...immutable(spec.selector, old.spec?.selector, 'spec.selector'));
  return errors;
}

const changeable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

export function statefulSetErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const template: Fields = structuredClone(spec.template ?? {});
  const claims = listOf(spec.volumeClaimTemplates).map(claim => claim.metadata?.name);
  const volumes = listOf(template.spec?.volumes).filter(volume => !claims.includes(volume.name));
  if (template.spec && claims.length > 0)
    template.spec.volumes = [...claims.map(name => ({ name, persistentVolumeClaim: { claimName: name } })), ...volumes];
  const errors = [
    ...nonNegative(spec.replicas, 'spec.replicas'),
    ...controlled({ ...spec, template }, 'StatefulSet', 'statefulset'),
  ];
  if (!['OrderedReady', 'Parallel'].includes(spec.podManagementPolicy))
    errors.push(invalid('spec.podManagementPolicy', spec.podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"));
  if (old && !sameValue(fixed(spec), fixed(old.spec)))
    errors.push(
      forbidden(
        'spec',
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      ),
    );
  return errors;
}

function fixed(spec: Fields): Fields {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => !changeable.includes(name)));
}

export function jobErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const errors = jobSpecErrors(spec, 'spec');
  if (isFields(spec.selector) && !selects(spec.selector, spec.template?.metadata?.labels))
    errors.push(
      invalid(
        'spec.template.metadata.labels',
        spec.template?.metadata?.labels ?? null,
        '`selector` does not match template `labels`',
      ),
    );
  if (!old) return errors;
  const before: Fields = old.spec ?? {};
  for (const name of [
    'completions',
    'selector',
    'template',
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ]) {
    // A suspended job that never ran may get another place to run.
    if (name === 'template' && before.suspend === true && old.status?.startTime === undefined) continue;
    if (name === 'completions' && spec.completionMode === 'Indexed' && spec.completions === spec.parallelism) continue;
    errors.push(...immutable(spec[name], before[name], `spec.${name}`));
  }
  return errors;
}

function jobSpecErrors(spec: Fields, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished'])
    errors.push(...nonNegative(spec[name], `${path}.${name}`));
  if (spec.completionMode === 'Indexed' && spec.completions === undefined)
    errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  errors.push(...templateErrors(spec.template ?? {}, `${path}.template`));
  const policy = spec.template?.spec?.restartPolicy;
  if (policy === 'Always' || policy === undefined)
    errors.push(required(`${path}.template.spec.restartPolicy`, 'valid values: "OnFailure", "Never"'));
  else if (policy !== 'OnFailure' && policy !== 'Never')
    errors.push(notSupported(`${path}.template.spec.restartPolicy`, policy, ['OnFailure', 'Never']));
  return errors;
}

export function cronJobErrors(object: Fields): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const errors: FieldError[] = [];
  if (!spec.schedule) errors.push(required('spec.schedule'));
  else if (!isSchedule(spec.schedule))
    errors.push(
      invalid(
        'spec.schedule',
        spec.schedule,
        `expected exactly 5 fields, found ${spec.schedule.trim().split(/\s+/).length}: [${spec.schedule.trim().split(/\s+/).join(' ')}]`,
      ),
    );
  if (!['Allow', 'Forbid', 'Replace'].includes(spec.concurrencyPolicy))
    errors.push(notSupported('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']));
  errors.push(...jobSpecErrors(spec.jobTemplate?.spec ?? {}, 'spec.jobTemplate.spec'));
  return errors;
}

function isSchedule(text: string): boolean {
  return (
    /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$|^@every \S+$/.test(text) ||
    text.trim().split(/\s+/).length === 5
  );
}

export function podErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const errors = podSpecErrors(spec, 'spec');
  if (!old) return errors;
  for (const field of ['containers', 'initContainers'])
    if (listOf(spec[field]).length !== listOf(old.spec?.[field]).length)
      return [...errors, forbidden(`spec.${field}`, 'pod updates may not add or remove containers')];
  if (!sameValue(unchangeablePart(spec), unchangeablePart(old.spec ?? {})))
    errors.push(
      forbidden(
        'spec',
        'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
      ),
    );
  return errors;
}

function unchangeablePart(spec: Fields): Fields {
  const {
    activeDeadlineSeconds: _,
    tolerations: __,
    nodeName: ___,
    schedulingGates: ____,
    containers,
    initContainers,
    ...rest
  } = spec;
  const withoutImages = (list: unknown) => listOf(list).map(({ image: _____, ...container }) => container);
  return { ...rest, containers: withoutImages(containers), initContainers: withoutImages(initContainers) };
}
