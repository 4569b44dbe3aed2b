import type { SimulationApi } from '../simulation-api.ts';
import { SimulationError } from '../simulation-api.ts';

/** The one node on which all simulated pods run. */
export const nodeName = 'sandbox';
export const nodeAddress = '172.18.0.2';

const resources = { cpu: '64', memory: '256Gi', pods: '10000', 'ephemeral-storage': '1Ti' };

/** Makes the simulated node known, so that `kubectl get nodes` and dashboards have one to show. */
export function createNode(api: SimulationApi): void {
  const type = { apiVersion: 'v1', kind: 'Node' };
  const now = `${api.now().toISOString().slice(0, 19)}Z`;
  const labels = { 'kubernetes.io/hostname': nodeName, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' };
  try {
    if (!api.get(type, undefined, nodeName))
      api.create({ ...type, metadata: { name: nodeName, labels }, spec: {} }, { manager: 'kubelet' });
    const node = api.get(type, undefined, nodeName);
    if (!node || node.status?.conditions) return;
    const heard = { lastHeartbeatTime: now, lastTransitionTime: now };
    const status = {
      addresses: [
        { type: 'InternalIP', address: nodeAddress },
        { type: 'Hostname', address: nodeName },
      ],
      allocatable: resources,
      capacity: resources,
      conditions: [
        { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'the sandbox simulates its pods', ...heard },
      ],
      nodeInfo: {
        architecture: 'amd64',
        bootID: '',
        containerRuntimeVersion: 'sandbox://1',
        kernelVersion: '',
        kubeProxyVersion: '',
        kubeletVersion: 'v1.36.3',
        machineID: '',
        operatingSystem: 'linux',
        osImage: 'sandbox',
        systemUUID: '',
      },
    };
    api.updateStatus({ ...node, status }, { manager: 'kubelet' });
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    api.log('the simulated node could not be created', { error: error.message });
  }
}
