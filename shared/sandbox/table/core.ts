import type { KubeObject } from '../../api/object.ts';
import { columnsOf, type Printer } from './columns.ts';
import { age } from './durations.ts';
import { addressesOf, firstFew, formatMap } from './text.ts';

function printer(names: string, cells: (object: KubeObject, now: Date) => unknown[]): Printer {
  return { columns: columnsOf(names), cells };
}

function created(object: KubeObject, now: Date): string {
  return age(object.metadata.creationTimestamp, now);
}

interface ServicePort {
  port: number;
  protocol?: string;
  nodePort?: number;
}

function servicePorts(ports: ServicePort[] = []): string {
  const texts = ports.map(
    ({ port, protocol = 'TCP', nodePort }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`,
  );
  return texts.join(',') || '<none>';
}

function externalAddress(service: KubeObject): string {
  const { type = 'ClusterIP', externalIPs = [], externalName } = service.spec ?? {};
  const balancer = addressesOf(service.status?.loadBalancer?.ingress);
  if (type === 'ExternalName') return externalName ?? '';
  if (type !== 'LoadBalancer') return externalIPs.join(',') || '<none>';
  return [...(balancer ? [balancer] : []), ...externalIPs].join(',') || '<pending>';
}

interface Subset {
  addresses?: { ip: string }[];
  ports?: { port: number }[];
}

function endpoints(subsets: Subset[] = []): string {
  if (subsets.length === 0) return '<none>';
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(address => address.ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`)),
  );
  return firstFew(all, 3, '');
}

function nodeStatus(node: KubeObject): string {
  const ready = ((node.status?.conditions ?? []) as { type: string; status: string }[]).find(
    ({ type }) => type === 'Ready',
  );
  const words = [ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown'];
  if (node.spec?.unschedulable) words.push('SchedulingDisabled');
  return words.join(',');
}

function nodeRoles(node: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(prefix) && key.length > prefix.length) return [key.slice(prefix.length)];
    return key === 'kubernetes.io/role' && value ? [value] : [];
  });
  return [...new Set(roles)].sort().join(',') || '<none>';
}

function nodeAddress(node: KubeObject, type: string): string {
  const addresses = (node.status?.addresses ?? []) as { type: string; address: string }[];
  return addresses.find(address => address.type === type)?.address ?? '<none>';
}

function nodeCells(node: KubeObject, now: Date): unknown[] {
  const info = node.status?.nodeInfo ?? {};
  const kernel = info.kernelVersion || '<unknown>';
  return [
    node.metadata.name,
    nodeStatus(node),
    nodeRoles(node),
    created(node, now),
    info.kubeletVersion ?? '',
    nodeAddress(node, 'InternalIP'),
    nodeAddress(node, 'ExternalIP'),
    info.osImage || '<unknown>',
    info.architecture ? `${kernel} (${info.architecture})` : kernel,
    info.containerRuntimeVersion || '<unknown>',
  ];
}

const modes: Record<string, string> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

function accessModes(list: string[] = []): string {
  return Object.keys(modes)
    .filter(mode => list.includes(mode))
    .map(mode => modes[mode])
    .join(',');
}

function volumePhase(object: KubeObject): string {
  return object.metadata.deletionTimestamp ? 'Terminating' : (object.status?.phase ?? '');
}

function storageClassOf(object: KubeObject): string {
  return (
    object.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? object.spec?.storageClassName ?? ''
  );
}

function quota(object: KubeObject, limits: boolean): string {
  const { hard = {}, used = {} } = object.status ?? {};
  return Object.keys(hard)
    .sort()
    .filter(name => name.startsWith('limits.') === limits)
    .map(name => `${name}: ${used[name] ?? '0'}/${hard[name]}`)
    .join(', ');
}

export const corePrinters: Record<string, Printer> = {
  ConfigMap: printer('Name|Data|Age', (object, now) => [
    object.metadata.name,
    Object.keys(object.data ?? {}).length + Object.keys(object.binaryData ?? {}).length,
    created(object, now),
  ]),
  Secret: printer('Name|Type|Data|Age', (object, now) => [
    object.metadata.name,
    object.type ?? '',
    Object.keys(object.data ?? {}).length,
    created(object, now),
  ]),
  Namespace: printer('Name|Status|Age', (object, now) => [
    object.metadata.name,
    object.status?.phase ?? '',
    created(object, now),
  ]),
  ServiceAccount: printer('Name|Age', (object, now) => [object.metadata.name, created(object, now)]),
  Service: printer('Name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector+', (object, now) => [
    object.metadata.name,
    object.spec?.type ?? '',
    object.spec?.clusterIPs?.[0] ?? object.spec?.clusterIP ?? '<none>',
    externalAddress(object),
    servicePorts(object.spec?.ports),
    created(object, now),
    formatMap(object.spec?.selector),
  ]),
  Endpoints: printer('Name|Endpoints|Age', (object, now) => [
    object.metadata.name,
    endpoints(object.subsets),
    created(object, now),
  ]),
  Node: printer(
    'Name|Status|Roles|Age|Version|Internal-IP+|External-IP+|OS-Image+|Kernel-Version+|Container-Runtime+',
    nodeCells,
  ),
  PersistentVolume: printer(
    'Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|VolumeMode+',
    (object, now) => {
      const spec = object.spec ?? {};
      return [
        object.metadata.name,
        spec.capacity?.storage ?? '0',
        accessModes(spec.accessModes),
        spec.persistentVolumeReclaimPolicy ?? '',
        volumePhase(object),
        spec.claimRef ? `${spec.claimRef.namespace}/${spec.claimRef.name}` : '',
        storageClassOf(object),
        spec.volumeAttributesClassName ?? '<unset>',
        object.status?.reason ?? '',
        created(object, now),
        spec.volumeMode ?? '<unset>',
      ];
    },
  ),
  PersistentVolumeClaim: printer(
    'Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode+',
    (object, now) => {
      const spec = object.spec ?? {};
      const bound = Boolean(spec.volumeName);
      return [
        object.metadata.name,
        volumePhase(object),
        spec.volumeName ?? '',
        bound ? (object.status?.capacity?.storage ?? '0') : '',
        bound ? accessModes(object.status?.accessModes) : '',
        storageClassOf(object),
        spec.volumeAttributesClassName ?? '<unset>',
        created(object, now),
        spec.volumeMode ?? '<unset>',
      ];
    },
  ),
  ResourceQuota: printer('Name|Request|Limit|Age', (object, now) => [
    object.metadata.name,
    quota(object, false),
    quota(object, true),
    created(object, now),
  ]),
};
