import type { Fields } from './fields.ts';
import { isFields, listOf, setDefaults } from './fields.ts';

/** The defaults of a pod's spec, wherever it stands. */
export function defaultPodSpec(spec: Fields): void {
  setDefaults(spec, {
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    schedulerName: 'default-scheduler',
  });
  // One field under its old and its new name.
  if (spec.serviceAccountName || spec.serviceAccount) {
    spec.serviceAccountName ||= spec.serviceAccount;
    spec.serviceAccount = spec.serviceAccountName;
  }
  for (const volume of listOf(spec.volumes)) defaultVolume(volume);
  for (const list of [spec.initContainers, spec.containers, spec.ephemeralContainers])
    for (const container of listOf(list)) defaultContainer(container);
  if (spec.hostNetwork === true)
    for (const container of [...listOf(spec.containers), ...listOf(spec.initContainers)])
      for (const port of listOf(container.ports)) port.hostPort ||= port.containerPort;
}

/** What a pod of its own gets beyond a template. */
export function defaultPod(spec: Fields): void {
  for (const container of [...listOf(spec.containers), ...listOf(spec.initContainers)]) {
    const resources = container.resources;
    if (isFields(resources?.limits)) resources.requests = { ...resources.limits, ...resources.requests };
  }
  spec.enableServiceLinks ??= true;
}

function defaultContainer(container: Fields): void {
  const image = typeof container.image === 'string' ? container.image : '';
  setDefaults(container, {
    imagePullPolicy: tagOf(image) === 'latest' ? 'Always' : 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    resources: {},
  });
  for (const port of listOf(container.ports)) setDefaults(port, { protocol: 'TCP' });
  for (const variable of listOf(container.env)) {
    const from = variable.valueFrom;
    if (isFields(from?.fieldRef)) setDefaults(from.fieldRef, { apiVersion: 'v1' });
    if (isFields(from?.resourceFieldRef)) setDefaults(from.resourceFieldRef, { divisor: '0' });
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe'])
    if (isFields(container[name])) defaultProbe(container[name]);
  for (const name of ['postStart', 'preStop']) defaultHandler(container.lifecycle?.[name]);
  const context = container.securityContext;
  if (isFields(context) && context.procMount === '') delete context.procMount;
}

/** The tag of an image; one without tag and digest is the latest. */
export function tagOf(image: string): string {
  const [name = '', digest] = image.split('@');
  const colon = name.lastIndexOf(':');
  if (colon > name.lastIndexOf('/')) return name.slice(colon + 1);
  return digest ? '' : 'latest';
}

function defaultProbe(probe: Fields): void {
  for (const [name, value] of [
    ['timeoutSeconds', 1],
    ['periodSeconds', 10],
    ['successThreshold', 1],
    ['failureThreshold', 3],
  ] as const)
    probe[name] ||= value;
  defaultHandler(probe);
  if (isFields(probe.grpc)) probe.grpc.service ??= '';
}

function defaultHandler(handler: Fields | undefined): void {
  if (isFields(handler?.httpGet)) setDefaults(handler.httpGet, { path: '/', scheme: 'HTTP' });
}

const projectionModes = ['secret', 'configMap', 'downwardAPI', 'projected'];

function defaultVolume(volume: Fields): void {
  if (Object.keys(volume).filter(name => name !== 'name').length === 0) volume.emptyDir = {};
  for (const name of projectionModes) if (isFields(volume[name])) setDefaults(volume[name], { defaultMode: 0o644 });
  if (isFields(volume.hostPath)) volume.hostPath.type ??= '';
  if (isFields(volume.iscsi)) setDefaults(volume.iscsi, { iscsiInterface: 'default' });
  if (isFields(volume.rbd)) setDefaults(volume.rbd, { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' });
  if (isFields(volume.azureDisk))
    setDefaults(volume.azureDisk, { cachingMode: 'ReadWrite', fsType: 'ext4', readOnly: false, kind: 'Shared' });
  if (isFields(volume.scaleIO)) setDefaults(volume.scaleIO, { storageMode: 'ThinProvisioned', fsType: 'xfs' });
  if (isFields(volume.image))
    setDefaults(volume.image, {
      pullPolicy: tagOf(volume.image.reference ?? '') === 'latest' ? 'Always' : 'IfNotPresent',
    });
  for (const source of listOf(volume.projected?.sources)) {
    if (isFields(source.serviceAccountToken)) setDefaults(source.serviceAccountToken, { expirationSeconds: 3600 });
    defaultItems(source.downwardAPI);
  }
  defaultItems(volume.downwardAPI);
  if (isFields(volume.ephemeral?.volumeClaimTemplate?.spec))
    setDefaults(volume.ephemeral.volumeClaimTemplate.spec, { volumeMode: 'Filesystem' });
}

function defaultItems(source: Fields | undefined): void {
  for (const item of listOf(source?.items)) {
    if (isFields(item.fieldRef)) setDefaults(item.fieldRef, { apiVersion: 'v1' });
    if (isFields(item.resourceFieldRef)) setDefaults(item.resourceFieldRef, { divisor: '0' });
  }
}
