import { apply, type Case, metadata } from './sandbox-objects-steps.ts';

const configMap = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const secret = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets' };
const service = { apiVersion: 'v1', kind: 'Service', plural: 'services' };
const pod = { apiVersion: 'v1', kind: 'Pod', plural: 'pods' };

function config(data: object, more: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...metadata, ...more }, data };
}

const lastApplied = (object: object) => `${JSON.stringify(object)}\n`;

/** Of the other kinds that everybody has. */
export const coreCases: Case[] = [
  {
    name: 'from-client-side',
    resource: configMap,
    steps: [
      {
        verb: 'create',
        manager: 'kubectl-client-side-apply',
        body: config(
          { a: '1', b: '2' },
          {
            annotations: {
              'kubectl.kubernetes.io/last-applied-configuration': lastApplied(config({ a: '1', b: '2' })),
            },
          },
        ),
      },
      apply('kubectl', config({ a: '1', b: '3' })),
      apply('kubectl', config({ a: '1' })),
      apply('flux', config({ a: '2', c: '1' })),
      apply('flux', config({ a: '2', c: '1' }), { force: true }),
      apply('flux', config({})),
    ],
  },
  {
    name: 'config-map',
    resource: configMap,
    steps: [
      { verb: 'create', manager: 'c', body: config({ a: 'x' }, { labels: {}, annotations: { x: '' } }) },
      { verb: 'merge', manager: 'm', body: { data: { a: null } } },
      { verb: 'merge', manager: 'm', body: { data: { b: '1' }, immutable: true } },
      { verb: 'merge', manager: 'm', body: { data: { b: '2' } } },
      { verb: 'merge', manager: 'm', body: { immutable: null } },
      { verb: 'create', manager: 'c', body: config({ 'a b': 'x' }) },
      { verb: 'merge', manager: 'm', body: { metadata: { labels: { '-x': 'y', ok: 'not ok!' } } } },
      { verb: 'merge', manager: 'm', body: { data: { x: 1 } } },
      { verb: 'merge', manager: 'm', body: { dada: { x: '1' } } },
    ],
  },
  {
    name: 'secret',
    resource: secret,
    steps: [
      {
        verb: 'create',
        manager: 'c',
        body: { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { a: 'text' }, data: { b: 'Yg==' } },
      },
      apply('flux', { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { c: 'see' } }),
      apply('flux', { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { c: 'saw' } }),
      { verb: 'merge', manager: 'm', body: { type: 'kubernetes.io/tls' } },
      { verb: 'merge', manager: 'm', body: { data: { z: '*' } } },
    ],
  },
  {
    name: 'service',
    resource: service,
    steps: [
      apply('flux', {
        apiVersion: 'v1',
        kind: 'Service',
        metadata,
        spec: {
          selector: { app: 'x' },
          ports: [
            { port: 80, name: 'http' },
            { port: 443, name: 'https', targetPort: 'tls' },
          ],
        },
      }),
      apply('flux', {
        apiVersion: 'v1',
        kind: 'Service',
        metadata,
        spec: {
          selector: { app: 'y' },
          ports: [
            { port: 81, name: 'http' },
            { port: 443, name: 'https', targetPort: 'tls' },
          ],
        },
      }),
      apply('two', {
        apiVersion: 'v1',
        kind: 'Service',
        metadata,
        spec: { ports: [{ port: 81, protocol: 'TCP', appProtocol: 'http' }] },
      }),
      apply('two', {
        apiVersion: 'v1',
        kind: 'Service',
        metadata,
        spec: { ports: [{ port: 81, protocol: 'UDP', name: 'u' }] },
      }),
      { verb: 'strategic', manager: 'm', body: { spec: { ports: [{ port: 443, name: 'https', targetPort: 8443 }] } } },
      { verb: 'merge', manager: 'm', body: { spec: { ports: [{ port: 0 }, { port: 99999, name: 'X' }] } } },
      { verb: 'merge', manager: 'm', body: { spec: { sessionAffinity: 'ClientIP' } } },
      { verb: 'merge', manager: 'm', body: { spec: { sessionAffinity: 'Bad', type: 'Worse' } } },
    ],
  },
  {
    name: 'pod',
    resource: pod,
    steps: [
      {
        verb: 'create',
        manager: 'c',
        body: {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata,
          spec: {
            serviceAccountName: 'default',
            automountServiceAccountToken: false,
            containers: [{ name: 'a', image: 'nginx', resources: { limits: { cpu: 1 } } }],
          },
        },
      },
      { verb: 'merge', manager: 'm', body: { spec: { containers: [{ name: 'a', image: 'nginx:1' }] } } },
      { verb: 'strategic', manager: 'm', body: { spec: { containers: [{ name: 'a', image: 'nginx:2' }] } } },
    ],
  },
];
