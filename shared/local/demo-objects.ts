import type { KubeObject } from '../api/object.ts';

/** Where the toolkit objects of the demo are. */
export const demoNamespace = 'demo';
export const demoName = 'demo';

export interface DemoAddresses {
  /** The demo repository. */
  repository: string;
  /** Where the Provider posts to. */
  sink: string;
  /** The Receiver's. */
  token: string;
}

/** The objects that a user would write to have the demo deployed, pushed to and announced. */
export function demoObjects(addresses: DemoAddresses): KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: demoNamespace } },
    object('v1', 'Secret', 'webhook-token', { stringData: { token: addresses.token } }),
    object('source.toolkit.fluxcd.io/v1', 'GitRepository', demoName, {
      spec: { interval: '10m', url: addresses.repository, ref: { branch: 'main' } },
    }),
    object('kustomize.toolkit.fluxcd.io/v1', 'Kustomization', demoName, {
      spec: {
        interval: '10m',
        retryInterval: '1m',
        timeout: '2m',
        path: './app',
        prune: true,
        wait: true,
        sourceRef: { kind: 'GitRepository', name: demoName },
      },
    }),
    object('notification.toolkit.fluxcd.io/v1', 'Receiver', demoName, {
      spec: {
        type: 'github',
        events: ['ping', 'push'],
        secretRef: { name: 'webhook-token' },
        resources: [{ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository', name: demoName }],
      },
    }),
    object('notification.toolkit.fluxcd.io/v1beta3', 'Provider', 'notifications', {
      spec: { type: 'slack', channel: 'general', address: addresses.sink },
    }),
    object('notification.toolkit.fluxcd.io/v1beta3', 'Alert', demoName, {
      spec: {
        providerRef: { name: 'notifications' },
        eventSeverity: 'info',
        eventSources: [
          { kind: 'GitRepository', name: '*' },
          { kind: 'Kustomization', name: '*' },
        ],
      },
    }),
  ];
}

function object(apiVersion: string, kind: string, name: string, fields: Record<string, unknown>): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace: demoNamespace }, ...fields };
}
