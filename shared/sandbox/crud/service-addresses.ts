import type { KubeObject } from '../../api/object.ts';
import { invalid } from '../faults.ts';
import type { Kernel } from './kernel.ts';

interface ServicePort {
  port: number;
  nodePort?: number;
}

/** Cluster addresses come from 10.96.0.0/16, node ports from 30000-32767, as in a default cluster. */
const firstNodePort = 30000;
const nodePortCount = 2768;

function services(kernel: Kernel): KubeObject[] {
  return [...kernel.store.collection('/services').entries()].map(entry => entry.object);
}

/** Gives a service what its type calls for: a cluster address, node ports. */
export function allocateService(service: KubeObject, kernel: Kernel): void {
  service.spec ??= {};
  const { spec } = service;
  if (spec.type === 'ExternalName') return;
  allocateAddress(service, kernel);
  // Without a selector, a headless service's endpoints may be of either family.
  if (spec.clusterIP === 'None' && !spec.selector) {
    spec.ipFamilies ??= ['IPv4', 'IPv6'];
    spec.ipFamilyPolicy ??= 'RequireDualStack';
  }
  spec.ipFamilies ??= ['IPv4'];
  spec.ipFamilyPolicy ??= 'SingleStack';
  if (spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false))
    allocateNodePorts(service, kernel);
}

function allocateAddress(service: KubeObject, kernel: Kernel): void {
  const { spec } = service;
  if (spec.clusterIP === 'None') {
    spec.clusterIPs = ['None'];
    return;
  }
  const taken = new Set(services(kernel).map(other => other.spec?.clusterIP as string | undefined));
  if (spec.clusterIP) {
    if (taken.has(spec.clusterIP))
      throw invalid('', 'Service', service.metadata.name, [
        {
          type: 'FieldValueInvalid',
          field: 'spec.clusterIPs',
          value: [spec.clusterIP],
          detail: `failed to allocate IP ${spec.clusterIP}: provided IP is already allocated`,
        },
      ]);
  } else {
    let address: string;
    do {
      const host = 256 + Math.floor(Math.random() * 65000);
      address = `10.96.${host >> 8}.${host & 255}`;
    } while (taken.has(address));
    spec.clusterIP = address;
  }
  spec.clusterIPs = [spec.clusterIP];
}

function allocateNodePorts(service: KubeObject, kernel: Kernel): void {
  const taken = new Set(
    services(kernel).flatMap(other => ((other.spec?.ports ?? []) as ServicePort[]).map(port => port.nodePort)),
  );
  for (const port of (service.spec.ports ?? []) as ServicePort[]) {
    if (port.nodePort) continue;
    let candidate: number;
    do candidate = firstNodePort + Math.floor(Math.random() * nodePortCount);
    while (taken.has(candidate));
    port.nodePort = candidate;
    taken.add(candidate);
  }
}

/** Carries over what was allocated, and gives back what the new type has no use for. */
export function releaseOnTypeChange(service: KubeObject, live: KubeObject, kernel: Kernel): void {
  service.spec ??= {};
  const { spec } = service;
  const old = live.spec ?? {};
  if (spec.type === 'ExternalName') {
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) delete spec[field];
    return;
  }
  if (old.type !== 'ExternalName') {
    spec.clusterIP ||= old.clusterIP;
    // The two say the same; the one that was changed counts.
    if (!spec.clusterIPs?.length || spec.clusterIP !== old.clusterIP)
      spec.clusterIPs = spec.clusterIP ? [spec.clusterIP] : [];
    spec.ipFamilies ??= old.ipFamilies;
    spec.ipFamilyPolicy ??= old.ipFamilyPolicy;
  } else allocateService(service, kernel);
  const oldPorts = (old.ports ?? []) as ServicePort[];
  if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') {
    if (!spec.externalIPs?.length && spec.externalTrafficPolicy === old.externalTrafficPolicy)
      delete spec.externalTrafficPolicy;
    if (old.type === 'NodePort' || old.type === 'LoadBalancer')
      for (const port of spec.ports ?? [])
        if (oldPorts.some(before => before.nodePort === port.nodePort)) delete port.nodePort;
    return;
  }
  for (const port of (spec.ports ?? []) as ServicePort[])
    port.nodePort ??= oldPorts.find(before => before.port === port.port)?.nodePort;
  allocateNodePorts(service, kernel);
}
