import type { FieldError } from '../field-error.ts';
import { duplicate, forbidden, invalid, notFound, notSupported, required } from '../field-error.ts';
import { compareQuantities, parseQuantity } from '../quantity.ts';
import type { Fields } from './fields.ts';
import { isFields, listOf } from './fields.ts';
import { configKey, dnsLabel, dnsSubdomain, portName, portNumber, variableName } from './names.ts';
import { labelErrors } from './validate-metadata.ts';

/** What is wrong with a pod's spec. */
export function podSpecErrors(spec: Fields, path: string): FieldError[] {
  const volumes = new Set<string>();
  return [
    ...volumeErrors(spec, `${path}.volumes`, volumes),
    ...containersErrors(spec.containers, `${path}.containers`, volumes, true),
    ...containersErrors(spec.initContainers, `${path}.initContainers`, volumes, false),
    ...oneOf(spec.restartPolicy, ['Always', 'OnFailure', 'Never'], `${path}.restartPolicy`),
    ...oneOf(spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'], `${path}.dnsPolicy`),
    ...labelErrors(spec.nodeSelector, `${path}.nodeSelector`),
    ...(spec.serviceAccountName
      ? dnsSubdomain(spec.serviceAccountName).map(message =>
          invalid(`${path}.serviceAccountName`, spec.serviceAccountName, message),
        )
      : []),
    ...(spec.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds < 1
      ? [
          invalid(
            `${path}.activeDeadlineSeconds`,
            spec.activeDeadlineSeconds,
            'must be between 1 and 2147483647, inclusive',
          ),
        ]
      : []),
    ...(spec.hostname
      ? dnsLabel(spec.hostname).map(message => invalid(`${path}.hostname`, spec.hostname, message))
      : []),
    ...(spec.subdomain
      ? dnsLabel(spec.subdomain).map(message => invalid(`${path}.subdomain`, spec.subdomain, message))
      : []),
  ];
}

function oneOf(value: unknown, allowed: string[], path: string): FieldError[] {
  if (value === undefined || value === '') return [required(path)];
  return allowed.includes(value as string) ? [] : [notSupported(path, value, allowed)];
}

function volumeErrors(spec: Fields, path: string, names: Set<string>): FieldError[] {
  return listOf(spec.volumes).flatMap((volume, i) => {
    const at = `${path}[${i}]`;
    const errors = sourceErrors(volume, at);
    if (!volume.name) errors.push(required(`${at}.name`));
    else errors.push(...dnsLabel(volume.name).map(message => invalid(`${at}.name`, volume.name, message)));
    if (names.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name));
    if (errors.length === 0) names.add(volume.name);
    return errors;
  });
}

function sourceErrors(volume: Fields, path: string): FieldError[] {
  const sources = Object.keys(volume).filter(name => name !== 'name');
  const errors: FieldError[] = [];
  if (sources.length === 0) errors.push(required(path, 'must specify a volume type'));
  for (const source of sources.slice(1))
    errors.push(forbidden(`${path}.${source}`, 'may not specify more than 1 volume type'));
  if (isFields(volume.secret) && !volume.secret.secretName) errors.push(required(`${path}.secret.secretName`));
  if (isFields(volume.configMap) && !volume.configMap.name) errors.push(required(`${path}.configMap.name`));
  if (isFields(volume.persistentVolumeClaim) && !volume.persistentVolumeClaim.claimName)
    errors.push(required(`${path}.persistentVolumeClaim.claimName`));
  if (isFields(volume.hostPath) && !volume.hostPath.path) errors.push(required(`${path}.hostPath.path`));
  return errors;
}

function containersErrors(value: unknown, path: string, volumes: Set<string>, main: boolean): FieldError[] {
  const containers = listOf(value);
  if (main && containers.length === 0) return [required(path)];
  const names = new Set<string>();
  return containers.flatMap((container, i) => {
    const at = `${path}[${i}]`;
    const errors = containerErrors(container, at, volumes);
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    return errors;
  });
}

function containerErrors(container: Fields, path: string, volumes: Set<string>): FieldError[] {
  const errors: FieldError[] = [];
  if (!container.name) errors.push(required(`${path}.name`));
  else errors.push(...dnsLabel(container.name).map(message => invalid(`${path}.name`, container.name, message)));
  if (!container.image) errors.push(required(`${path}.image`));
  else if (container.image.trim() !== container.image)
    errors.push(invalid(`${path}.image`, container.image, 'must not have leading or trailing whitespace'));
  errors.push(
    ...portErrors(container, `${path}.ports`),
    ...variableErrors(container, path),
    ...mountErrors(container, `${path}.volumeMounts`, volumes),
  );
  errors.push(...oneOf(container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never'], `${path}.imagePullPolicy`));
  errors.push(...resourceErrors(container.resources, `${path}.resources`));
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe'])
    errors.push(...probeErrors(container[name], `${path}.${name}`, name));
  return errors;
}

const protocols = ['SCTP', 'TCP', 'UDP'];

function portErrors(container: Fields, path: string): FieldError[] {
  const names = new Set<string>();
  return listOf(container.ports).flatMap((port, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (port.name) {
      const wrong = portName(port.name);
      errors.push(...wrong.map(message => invalid(`${at}.name`, port.name, message)));
      if (wrong.length === 0 && names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    if (!port.containerPort) errors.push(required(`${at}.containerPort`));
    else
      errors.push(
        ...portNumber(port.containerPort).map(message => invalid(`${at}.containerPort`, port.containerPort, message)),
      );
    if (port.hostPort)
      errors.push(...portNumber(port.hostPort).map(message => invalid(`${at}.hostPort`, port.hostPort, message)));
    if (!protocols.includes(port.protocol)) errors.push(notSupported(`${at}.protocol`, port.protocol, protocols));
    return errors;
  });
}

function variableErrors(container: Fields, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, variable] of listOf(container.env).entries()) {
    const at = `${path}.env[${i}]`;
    if (!variable.name) errors.push(required(`${at}.name`));
    else errors.push(...variableName(variable.name).map(message => invalid(`${at}.name`, variable.name, message)));
    errors.push(...valueFromErrors(variable, `${at}.valueFrom`));
  }
  for (const [i, from] of listOf(container.envFrom).entries()) {
    const at = `${path}.envFrom[${i}]`;
    const sources = ['configMapRef', 'secretRef'].filter(name => isFields(from[name]));
    if (sources.length === 0) errors.push(invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (sources.length > 1) errors.push(invalid(at, '', 'may not have more than one field specified at a time'));
    for (const name of sources) if (!from[name].name) errors.push(required(`${at}.${name}.name`));
  }
  return errors;
}

function valueFromErrors(variable: Fields, path: string): FieldError[] {
  const from = variable.valueFrom;
  if (!isFields(from)) return [];
  const errors: FieldError[] = [];
  const sources = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'].filter(name =>
    isFields(from[name]),
  );
  if (sources.length === 0)
    errors.push(
      invalid(
        path,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    );
  else if (variable.value) errors.push(invalid(path, '', 'may not be specified when `value` is not empty'));
  else if (sources.length > 1) errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
  for (const name of ['configMapKeyRef', 'secretKeyRef']) {
    const ref = from[name];
    if (!isFields(ref)) continue;
    if (!ref.name) errors.push(required(`${path}.${name}.name`));
    if (!ref.key) errors.push(required(`${path}.${name}.key`));
    else errors.push(...configKey(ref.key).map(message => invalid(`${path}.${name}.key`, ref.key, message)));
  }
  return errors;
}

function mountErrors(container: Fields, path: string, volumes: Set<string>): FieldError[] {
  const paths = new Set<string>();
  return listOf(container.volumeMounts).flatMap((mount, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (!mount.name) errors.push(required(`${at}.name`));
    if (!volumes.has(mount.name)) errors.push(notFound(`${at}.name`, mount.name));
    if (!mount.mountPath) errors.push(required(`${at}.mountPath`));
    if (paths.has(mount.mountPath)) errors.push(invalid(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    paths.add(mount.mountPath);
    return errors;
  });
}

function resourceErrors(resources: Fields | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { limits = {}, requests = {} } = resources ?? {};
  for (const [kind, list] of [
    ['limits', limits],
    ['requests', requests],
  ] as const)
    for (const [name, value] of Object.entries(list as Fields)) {
      const quantity = parseQuantity(value);
      if (!quantity) errors.push(invalid(`${path}.${kind}[${name}]`, value, 'must be a quantity'));
      else if (quantity.nano < 0n)
        errors.push(invalid(`${path}.${kind}[${name}]`, value, 'must be greater than or equal to 0'));
    }
  for (const [name, request] of Object.entries(requests as Fields)) {
    const limit = limits[name];
    if (limit !== undefined && compareQuantities(request, limit) > 0)
      errors.push(invalid(`${path}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`));
  }
  return errors;
}

function probeErrors(probe: Fields | undefined, path: string, name: string): FieldError[] {
  if (!isFields(probe)) return [];
  const errors: FieldError[] = [];
  const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc'].filter(one => isFields(probe[one]));
  if (handlers.length === 0) errors.push(required(path, 'must specify a handler type'));
  for (const extra of handlers.slice(1))
    errors.push(forbidden(`${path}.${extra}`, 'may not specify more than 1 handler type'));
  const port = probe.httpGet?.port ?? probe.tcpSocket?.port;
  const portPath = `${path}.${isFields(probe.httpGet) ? 'httpGet' : 'tcpSocket'}.port`;
  if (typeof port === 'number') errors.push(...portNumber(port).map(message => invalid(portPath, port, message)));
  if (typeof port === 'string') errors.push(...portName(port).map(message => invalid(portPath, port, message)));
  for (const field of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ])
    if (probe[field] < 0) errors.push(invalid(`${path}.${field}`, probe[field], 'must be greater than or equal to 0'));
  if (name !== 'readinessProbe' && probe.successThreshold !== 1)
    errors.push(invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1'));
  return errors;
}
