import { isIP } from 'node:net';
import type { FieldError } from '../field-error.ts';
import { duplicate, forbidden, invalid, notSupported, required } from '../field-error.ts';
import { compareQuantities, parseQuantity } from '../quantity.ts';
import { sameValue } from '../same-value.ts';
import type { Fields } from './fields.ts';
import { isFields, listOf } from './fields.ts';
import { configKey, dnsLabel, dnsSubdomain, pathSegment, portName, portNumber, wildcardSubdomain } from './names.ts';
import { immutable, labelErrors, selectorErrors } from './validate-metadata.ts';

const maxData = 1024 * 1024;

export function configMapErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const errors = immutableData(object, old, ['data', 'binaryData']);
  let size = 0;
  for (const field of ['data', 'binaryData'])
    for (const [key, value] of Object.entries((object[field] ?? {}) as Fields)) {
      errors.push(...configKey(key).map(message => invalid(`${field}[${key}]`, key, message)));
      if (field === 'data' && object.binaryData?.[key] !== undefined)
        errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
      size += field === 'data' ? Buffer.byteLength(value) : decodedLength(value);
    }
  if (size > maxData)
    errors.push({ type: 'FieldValueTooLong', field: '[]', detail: `may not be more than ${maxData} bytes` });
  return errors;
}

/** An event lies where its object does; those of objects in no namespace lie in `default`. */
export function eventErrors(object: Fields): FieldError[] {
  const about = (object.involvedObject ?? object.regarding ?? {}) as { namespace?: string };
  const { namespace } = object.metadata;
  const fits = about.namespace ? about.namespace === namespace : namespace === 'default';
  return fits ? [] : [invalid('involvedObject.namespace', about.namespace ?? '', 'does not match event.namespace')];
}

function decodedLength(base64: string): number {
  return Math.floor((base64.length * 3) / 4);
}

function immutableData(object: Fields, old: Fields | undefined, fields: string[]): FieldError[] {
  if (old?.immutable !== true) return [];
  const detail = 'field is immutable when `immutable` is set';
  const errors = object.immutable === true ? [] : [forbidden('immutable', detail)];
  return [
    ...errors,
    ...fields.filter(field => !sameValue(object[field] ?? {}, old[field] ?? {})).map(field => forbidden(field, detail)),
  ];
}

const secretKeys: Record<string, string[]> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

export function secretErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const errors = old ? [...immutable(object.type, old.type, 'type'), ...immutableData(object, old, ['data'])] : [];
  const data: Fields = object.data ?? {};
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...configKey(key).map(message => invalid(`data[${key}]`, key, message)));
    size += decodedLength(value);
  }
  if (size > maxData)
    errors.push({ type: 'FieldValueTooLong', field: 'data', detail: `may not be more than ${maxData} bytes` });
  for (const key of secretKeys[object.type] ?? []) if (data[key] === undefined) errors.push(required(`data[${key}]`));
  if (object.type === 'kubernetes.io/basic-auth' && data.username === undefined && data.password === undefined)
    errors.push(required('data[username]'), required('data[password]'));
  if (
    object.type === 'kubernetes.io/service-account-token' &&
    !object.metadata.annotations?.['kubernetes.io/service-account.name']
  )
    errors.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
  for (const key of ['.dockercfg', '.dockerconfigjson'])
    if (secretKeys[object.type]?.includes(key) && data[key] !== undefined)
      errors.push(...jsonErrors(data[key], `data[${key}]`));
  return errors;
}

function jsonErrors(base64: string, path: string): FieldError[] {
  try {
    JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
    return [];
  } catch (error) {
    return [invalid(path, '<secret contents redacted>', error instanceof SyntaxError ? 'invalid JSON' : String(error))];
  }
}

const protocols = ['SCTP', 'TCP', 'UDP'];
const serviceTypes = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];

export function serviceErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const headless = spec.clusterIP === 'None';
  const errors: FieldError[] = [];
  if (listOf(spec.ports).length === 0 && !headless && spec.type !== 'ExternalName') errors.push(required('spec.ports'));
  if (headless && (spec.type === 'LoadBalancer' || spec.type === 'NodePort'))
    errors.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`));
  if (spec.type === 'ExternalName') errors.push(...externalNameErrors(spec));
  errors.push(...servicePortErrors(spec), ...labelErrors(spec.selector, 'spec.selector'));
  if (!['ClientIP', 'None'].includes(spec.sessionAffinity))
    errors.push(notSupported('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']));
  if (!serviceTypes.includes(spec.type)) errors.push(notSupported('spec.type', spec.type, serviceTypes));
  if (spec.clusterIP && !headless && isIP(spec.clusterIP) === 0)
    errors.push(
      invalid('spec.clusterIPs[0]', spec.clusterIP, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
    );
  if (old) errors.push(...clusterIPErrors(spec, old.spec ?? {}));
  return errors;
}

function externalNameErrors(spec: Fields): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.clusterIPs?.length) errors.push(forbidden('spec.clusterIPs', 'may not be set for ExternalName services'));
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (!name) errors.push(required('spec.externalName'));
  else errors.push(...dnsSubdomain(name).map(message => invalid('spec.externalName', name, message)));
  return errors;
}

function servicePortErrors(spec: Fields): FieldError[] {
  const ports = listOf(spec.ports);
  const names = new Set<string>();
  const seen = new Set<string>();
  const duplicates: FieldError[] = [];
  const errors = ports.flatMap((port, i) => {
    const at = `spec.ports[${i}]`;
    const found: FieldError[] = [];
    if (ports.length > 1 && !port.name) found.push(required(`${at}.name`));
    else if (port.name) {
      found.push(...dnsLabel(port.name).map(message => invalid(`${at}.name`, port.name, message)));
      if (names.has(port.name)) found.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    found.push(...portNumber(port.port).map(message => invalid(`${at}.port`, port.port, message)));
    if (!protocols.includes(port.protocol)) found.push(notSupported(`${at}.protocol`, port.protocol, protocols));
    const target = port.targetPort;
    found.push(
      ...(typeof target === 'string' ? portName(target) : portNumber(target)).map(message =>
        invalid(`${at}.targetPort`, target, message),
      ),
    );
    if (spec.type === 'ClusterIP' && port.nodePort)
      found.push(forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    const key = `${port.protocol}/${port.port}`;
    if (seen.has(key))
      duplicates.push(
        duplicate(at, {
          Name: '',
          Protocol: port.protocol,
          AppProtocol: null,
          Port: port.port,
          TargetPort: 0,
          NodePort: 0,
        }),
      );
    seen.add(key);
    return found;
  });
  return [...errors, ...duplicates];
}

function clusterIPErrors(spec: Fields, before: Fields): FieldError[] {
  if (spec.type === 'ExternalName' || before.type === 'ExternalName' || !before.clusterIP) return [];
  if (spec.clusterIP === before.clusterIP) return [];
  return [invalid('spec.clusterIPs[0]', spec.clusterIPs ?? [spec.clusterIP], 'may not change once set')];
}

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];

export function ingressErrors(object: Fields): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const rules = listOf(spec.rules);
  const errors: FieldError[] = [];
  if (rules.length === 0 && !spec.defaultBackend)
    errors.push(invalid('spec', null, 'either `defaultBackend` or `rules` must be specified'));
  if (spec.defaultBackend) errors.push(...backendErrors(spec.defaultBackend, 'spec.defaultBackend'));
  for (const [i, rule] of rules.entries()) {
    const at = `spec.rules[${i}]`;
    if (rule.host) {
      if (isIP(rule.host)) errors.push(invalid(`${at}.host`, rule.host, 'must be a DNS name, not an IP address'));
      const wrong = rule.host.includes('*') ? wildcardSubdomain(rule.host) : dnsSubdomain(rule.host);
      errors.push(...wrong.map((message: string) => invalid(`${at}.host`, rule.host, message)));
    }
    if (isFields(rule.http) && listOf(rule.http.paths).length === 0) errors.push(required(`${at}.http.paths`));
    for (const [j, path] of listOf(rule.http?.paths).entries())
      errors.push(...ingressPathErrors(path, `${at}.http.paths[${j}]`));
  }
  return errors;
}

function ingressPathErrors(path: Fields, at: string): FieldError[] {
  if (!path.pathType) return [required(`${at}.pathType`, 'pathType must be specified')];
  const errors: FieldError[] = [];
  const text: string = path.path ?? '';
  if (!pathTypes.includes(path.pathType)) errors.push(notSupported(`${at}.pathType`, path.pathType, pathTypes));
  else if (!text.startsWith('/') && (text || path.pathType !== 'ImplementationSpecific'))
    errors.push(invalid(`${at}.path`, text, 'must be an absolute path'));
  return [...errors, ...backendErrors(path.backend ?? {}, `${at}.backend`)];
}

function backendErrors(backend: Fields, path: string): FieldError[] {
  const { service, resource } = backend;
  if (service && resource) return [invalid(path, '', 'cannot set both resource and service backends')];
  if (resource) return [];
  if (!service) return [invalid(path, '', 'resource or service backend is required')];
  const errors = service.name
    ? dnsLabel(service.name).map(message => invalid(`${path}.service.name`, service.name, message))
    : [required(`${path}.service.name`)];
  const { name, number } = service.port ?? {};
  if (name && number) errors.push(invalid(path, '', 'cannot set both port name & port number'));
  else if (name) errors.push(...portName(name).map(message => invalid(`${path}.service.port.name`, name, message)));
  else if (number)
    errors.push(...portNumber(number).map(message => invalid(`${path}.service.port.number`, number, message)));
  else errors.push(required(path, 'port name or number is required'));
  return errors;
}

const rbacGroup = 'rbac.authorization.k8s.io';

export function bindingErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const ref: Fields = object.roleRef ?? {};
  const namespaced = object.kind === 'RoleBinding';
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  const errors: FieldError[] = [];
  if (ref.apiGroup !== rbacGroup) errors.push(notSupported('roleRef.apiGroup', ref.apiGroup ?? '', [rbacGroup]));
  if (!kinds.includes(ref.kind)) errors.push(notSupported('roleRef.kind', ref.kind ?? '', kinds));
  if (!ref.name) errors.push(required('roleRef.name'));
  else errors.push(...pathSegment(ref.name).map(message => invalid('roleRef.name', ref.name, message)));
  for (const [i, subject] of listOf(object.subjects).entries())
    errors.push(...subjectErrors(subject, `subjects[${i}]`, namespaced));
  // The API server shows the reference under the names of its Go fields.
  const shown = { APIGroup: ref.apiGroup, Kind: ref.kind, Name: ref.name };
  if (old && !sameValue(ref, old.roleRef)) errors.push(invalid('roleRef', shown, 'cannot change roleRef'));
  return errors;
}

function subjectErrors(subject: Fields, path: string, namespaced: boolean): FieldError[] {
  const errors = subject.name ? [] : [required(`${path}.name`)];
  if (subject.kind === 'ServiceAccount') {
    if (subject.name)
      errors.push(...dnsSubdomain(subject.name).map(message => invalid(`${path}.name`, subject.name, message)));
    if (subject.apiGroup) errors.push(notSupported(`${path}.apiGroup`, subject.apiGroup, ['']));
    if (!namespaced && !subject.namespace) errors.push(required(`${path}.namespace`));
  } else if (subject.kind === 'User' || subject.kind === 'Group') {
    if (subject.apiGroup !== rbacGroup) errors.push(notSupported(`${path}.apiGroup`, subject.apiGroup, [rbacGroup]));
  } else errors.push(notSupported(`${path}.kind`, subject.kind ?? '', ['ServiceAccount', 'User', 'Group']));
  return errors;
}

export function roleErrors(object: Fields): FieldError[] {
  return listOf(object.rules).flatMap((rule, i) => {
    const at = `rules[${i}]`;
    const errors = rule.verbs?.length ? [] : [required(`${at}.verbs`, 'verbs must contain at least one value')];
    if (rule.nonResourceURLs?.length) {
      if (object.kind === 'Role')
        errors.push(
          invalid(`${at}.nonResourceURLs`, rule.nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'),
        );
      if (rule.apiGroups?.length || rule.resources?.length || rule.resourceNames?.length)
        errors.push(
          invalid(
            `${at}.nonResourceURLs`,
            rule.nonResourceURLs,
            'rules cannot apply to both regular resources and non-resource URLs',
          ),
        );
      return errors;
    }
    if (!rule.apiGroups?.length)
      errors.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
    if (!rule.resources?.length)
      errors.push(required(`${at}.resources`, 'resource rules must supply at least one resource'));
    return errors;
  });
}

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

export function claimErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const errors: FieldError[] = [];
  if (!spec.accessModes?.length) errors.push(required('spec.accessModes', 'at least 1 access mode is required'));
  for (const mode of spec.accessModes ?? [])
    if (!accessModes.includes(mode)) errors.push(notSupported('spec.accessModes', mode, accessModes));
  const storage = spec.resources?.requests?.storage;
  if (storage === undefined) errors.push(required('spec.resources[storage]'));
  else if ((parseQuantity(storage)?.nano ?? 0n) <= 0n)
    errors.push(invalid('spec.resources[storage]', storage, 'must be greater than zero'));
  errors.push(...selectorErrors(spec.selector, 'spec.selector'));
  if (!old) return errors;
  const before: Fields = old.spec ?? {};
  const bound = object.status?.phase === 'Bound';
  const rest = ({ volumeName, volumeAttributesClassName, resources, storageClassName, ...other }: Fields) => ({
    ...other,
    ...(before.volumeName ? { volumeName } : {}),
    ...(before.storageClassName !== undefined ? { storageClassName } : {}),
    ...(bound ? {} : { volumeAttributesClassName, resources }),
  });
  if (!sameValue(rest(spec), rest(before)))
    errors.push(
      forbidden(
        'spec',
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n',
      ),
    );
  const was = before.resources?.requests?.storage;
  if (
    bound &&
    storage !== undefined &&
    was !== undefined &&
    compareQuantities(storage, was) < 0 &&
    compareQuantities(storage, object.status?.capacity?.storage ?? '0') <= 0
  )
    errors.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  return errors;
}

export function volumeErrors(object: Fields): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const errors: FieldError[] = [];
  if (!spec.accessModes?.length) errors.push(required('spec.accessModes'));
  if (!spec.capacity?.storage) errors.push(required('spec.capacity'));
  return errors;
}

export function autoscalerErrors(object: Fields): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const errors: FieldError[] = [];
  if (spec.minReplicas < 1)
    errors.push(invalid('spec.minReplicas', spec.minReplicas, 'must be greater than or equal to 1'));
  if (!spec.maxReplicas) errors.push(required('spec.maxReplicas', 'must be set and greater than 0'));
  else if (spec.maxReplicas < 0)
    errors.push(invalid('spec.maxReplicas', spec.maxReplicas, 'must be greater than or equal to 1'));
  if (spec.maxReplicas < spec.minReplicas)
    errors.push(invalid('spec.maxReplicas', spec.maxReplicas, 'must be greater than or equal to `minReplicas`'));
  const target: Fields = spec.scaleTargetRef ?? {};
  if (!target.apiVersion?.includes('/'))
    errors.push(
      invalid('spec.scaleTargetRef.apiVersion', target.apiVersion ?? '', 'apiVersion must specify API group'),
    );
  if (!target.kind) errors.push(required('spec.scaleTargetRef.kind'));
  if (!target.name) errors.push(required('spec.scaleTargetRef.name'));
  return errors;
}

export function networkPolicyErrors(object: Fields): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const errors = selectorErrors(spec.podSelector, 'spec.podSelector');
  for (const [i, type] of (spec.policyTypes ?? []).entries())
    if (type !== 'Ingress' && type !== 'Egress')
      errors.push(notSupported(`spec.policyTypes[${i}]`, type, ['Ingress', 'Egress']));
  return errors;
}

export function storageClassErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const errors = object.provisioner ? [] : [required('provisioner')];
  if (!old) return errors;
  for (const name of ['parameters', 'provisioner', 'reclaimPolicy'])
    if (!sameValue(object[name] ?? {}, old[name] ?? {}))
      errors.push(forbidden(name, `updates to ${name} are forbidden.`));
  return [...errors, ...immutable(object.volumeBindingMode, old.volumeBindingMode, 'volumeBindingMode')];
}
