import type { KubeObject } from '../../api/object.ts';
import { sameValue } from '../objects/same-value.ts';
import type { ClusterView } from './cluster-view.ts';
import { controllerManager, ownerOf } from './cluster-view.ts';
import { nodeName } from './node.ts';
import { isActive, randomSuffix, readySince } from './pods.ts';

const sliceType = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' };
const endpointsType = { apiVersion: 'v1', kind: 'Endpoints' };
const serviceLabel = 'kubernetes.io/service-name';
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const sliceController = 'endpointslice-controller.k8s.io';

interface ServicePort {
  name?: string;
  port: number;
  protocol?: string;
  targetPort?: number | string;
  appProtocol?: string;
}

/** Whether the service sends to the pods with these labels. */
export function sendsTo(service: KubeObject, labels: Record<string, string> | undefined): boolean {
  const selector = Object.entries((service.spec?.selector ?? {}) as Record<string, string>);
  return selector.length > 0 && selector.every(([name, value]) => labels?.[name] === value);
}

/** Keeps a service's endpoints, and gives a load balancer its address. */
export function syncService(service: KubeObject, view: ClusterView): void {
  if (service.metadata.deletionTimestamp) return;
  if (service.spec.type === 'LoadBalancer') balance(service, view);
  if (service.spec.type === 'ExternalName' || Object.keys(service.spec.selector ?? {}).length === 0) return;
  const pods = [...view.inNamespace('Pod', service.metadata.namespace)].filter(
    pod => sendsTo(service, pod.metadata.labels) && isActive(pod) && pod.status?.podIP,
  );
  pods.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  writeSlice(service, pods, view);
  writeEndpoints(service, pods, view);
}

function balance(service: KubeObject, view: ClusterView): void {
  if (service.status?.loadBalancer?.ingress?.length) return;
  view.updateStatus(
    service,
    { ...service.status, loadBalancer: { ingress: [{ ip: balancerAddress(service), ipMode: 'VIP' }] } },
    'cloud-controller-manager',
  );
}

/** An address that stays the object's own, made of its uid. */
export function balancerAddress(object: KubeObject): string {
  const digits = Number.parseInt((object.metadata.uid ?? '0').slice(0, 4), 16);
  return `172.18.${200 + ((digits >> 8) % 50)}.${digits & 255 || 1}`;
}

function targetPort(port: ServicePort, pod: KubeObject): number | undefined {
  const { targetPort: target = port.port } = port;
  if (typeof target === 'number') return target;
  const ports = (pod.spec.containers ?? []).flatMap(
    (container: { ports?: { name?: string; containerPort: number; protocol?: string }[] }) => container.ports ?? [],
  );
  return ports.find((one: { name?: string }) => one.name === target)?.containerPort;
}

function portsOf(service: KubeObject, pods: KubeObject[]) {
  return ((service.spec.ports ?? []) as ServicePort[]).flatMap(port => {
    const number = pods[0]
      ? targetPort(port, pods[0])
      : typeof port.targetPort === 'number'
        ? port.targetPort
        : undefined;
    if (number === undefined) return [];
    return [
      {
        ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}),
        name: port.name ?? '',
        port: number,
        protocol: port.protocol ?? 'TCP',
      },
    ];
  });
}

function reference(pod: KubeObject) {
  const { name, namespace, uid } = pod.metadata;
  return { kind: 'Pod', name, namespace, uid };
}

function writeSlice(service: KubeObject, pods: KubeObject[], view: ClusterView): void {
  const { namespace, name, labels } = service.metadata;
  const ports = portsOf(service, pods);
  const endpoints = pods.map(pod => ({
    addresses: [pod.status.podIP],
    conditions: { ready: readySince(pod) !== undefined, serving: readySince(pod) !== undefined, terminating: false },
    nodeName,
    targetRef: reference(pod),
  }));
  const wanted = { [serviceLabel]: name, [managedByLabel]: sliceController };
  const found = view.api.list(sliceType, { ...(namespace ? { namespace } : {}), labels: wanted })[0];
  const content = { addressType: 'IPv4', endpoints, ports };
  if (found) {
    if (sameValue(found.endpoints ?? [], endpoints) && sameValue(found.ports ?? [], ports)) return;
    view.update({ ...found, ...content });
    return;
  }
  const headless: Record<string, string> =
    service.spec.clusterIP === 'None' ? { 'service.kubernetes.io/headless': '' } : {};
  view.create({
    ...sliceType,
    metadata: {
      name: `${name}-${randomSuffix()}`,
      generateName: `${name}-`,
      ...(namespace ? { namespace } : {}),
      labels: { ...labels, ...headless, ...wanted },
      ownerReferences: ownerOf(service),
    },
    ...content,
  });
}

function writeEndpoints(service: KubeObject, pods: KubeObject[], view: ClusterView): void {
  const { namespace, name, labels } = service.metadata;
  const ports = portsOf(service, pods).map(({ name: portName, ...port }) => ({
    ...(portName ? { name: portName } : {}),
    ...port,
  }));
  const addresses = (ready: boolean) =>
    pods
      .filter(pod => (readySince(pod) !== undefined) === ready)
      .map(pod => ({ ip: pod.status.podIP, nodeName, targetRef: reference(pod) }));
  const [ready, notReady] = [addresses(true), addresses(false)];
  const subset = {
    ...(ready.length > 0 ? { addresses: ready } : {}),
    ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
    ...(ports.length > 0 ? { ports } : {}),
  };
  const subsets = pods.length > 0 ? [subset] : [];
  const found = view.api.get(endpointsType, namespace, name);
  if (found) {
    if (!sameValue(found.subsets ?? [], subsets))
      view.api.update({ ...found, subsets }, { manager: controllerManager });
    return;
  }
  view.create({
    ...endpointsType,
    metadata: {
      name,
      ...(namespace ? { namespace } : {}),
      labels: { ...labels, 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
    },
    ...(subsets.length > 0 ? { subsets } : {}),
  });
}

/** A service that is gone takes its Endpoints along; its slices go by their owner. */
export function forgetService(service: KubeObject, view: ClusterView): void {
  view.api.delete(endpointsType, service.metadata.namespace, service.metadata.name);
}
