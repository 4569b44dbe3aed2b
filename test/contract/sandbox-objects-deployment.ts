import { apply, type Case, edit, metadata } from './sandbox-objects-steps.ts';

const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments' };

const container = {
  name: 'app',
  image: 'ghcr.io/stefanprodan/podinfo:6.5.4',
  command: ['./podinfo', '--port=9898'],
  ports: [
    { name: 'http', containerPort: 9898 },
    { name: 'metrics', containerPort: 9797, protocol: 'TCP' },
  ],
  env: [
    { name: 'A', value: '1' },
    { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  ],
  livenessProbe: { httpGet: { path: '/healthz', port: 'http' }, initialDelaySeconds: 5 },
  readinessProbe: { exec: { command: ['true'] }, timeoutSeconds: 5 },
  resources: { limits: { cpu: '2000m', memory: '512Mi' }, requests: { cpu: '0.1', memory: '64Mi' } },
  volumeMounts: [{ name: 'data', mountPath: '/data' }],
  securityContext: { runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
};

function workload(more: object = {}, template: object = {}, containers: object[] = [container]): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...metadata, labels: { app: 'x', tier: 'web' }, annotations: { note: 'first' } },
    spec: {
      selector: { matchLabels: { app: 'x' } },
      template: {
        metadata: { labels: { app: 'x' }, annotations: { 'prometheus.io/scrape': 'true' } },
        spec: {
          containers,
          volumes: [
            { name: 'data', emptyDir: {} },
            { name: 'config', configMap: { name: 'c', items: [{ key: 'a', path: 'a' }] } },
          ],
          ...template,
        },
      },
      ...more,
    },
  };
}

/** Of a Deployment: applied by one and by two, edited, patched, taken over. */
export const deploymentCases: Case[] = [
  {
    name: 'apply-by-one',
    resource: deployment,
    steps: [
      apply('flux', workload()),
      apply('flux', workload()),
      apply('flux', workload({ replicas: 3 }, {}, [{ ...container, image: 'x:2', env: [{ name: 'A', value: '2' }] }])),
      apply('flux', workload({}, {}, [{ ...container, ports: [{ name: 'http', containerPort: 9898 }] }])),
      apply(
        'flux',
        workload({}, { volumes: [{ name: 'data', emptyDir: { sizeLimit: '1Gi' } }], nodeSelector: { a: 'b' } }),
      ),
      apply('flux', workload({}, {}, [container, { name: 'side', image: 'side' }])),
      apply(
        'flux',
        workload({}, {}, [
          { name: 'side', image: 'side' },
          { ...container, volumeMounts: [] },
        ]),
      ),
      apply('flux', workload({ strategy: { type: 'Recreate' } })),
    ],
  },
  {
    name: 'apply-by-two',
    resource: deployment,
    steps: [
      apply('flux', workload({ replicas: 1 })),
      apply('hpa', { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas: 4 } }),
      apply('hpa', { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas: 4 } }, { force: true }),
      apply('flux', workload()),
      apply('flux', workload({ replicas: 2, paused: true })),
      apply('shared', { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { ...metadata, labels: { app: 'x' } } }),
      apply('shared', {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { ...metadata, labels: { tier: 'db', app: 'y' } },
      }),
      apply('hpa', { apiVersion: 'apps/v1', kind: 'Deployment', metadata }),
      apply('shared', { apiVersion: 'apps/v1', kind: 'Deployment', metadata }),
    ],
  },
  {
    name: 'edit-then-apply',
    resource: deployment,
    steps: [
      { verb: 'create', manager: 'kubectl-create', body: workload() },
      {
        verb: 'update',
        manager: 'kubectl-edit',
        body: edit(live => {
          live.spec.replicas = 5;
        }),
      },
      { verb: 'update', manager: 'kubectl-edit', body: edit(live => void delete live.metadata.labels!.tier) },
      { verb: 'update', manager: 'kubectl-edit', body: edit(() => undefined) },
      apply('flux', workload({ replicas: 2 })),
      apply('flux', workload({ replicas: 2 }), { force: true }),
      apply('flux', workload()),
      { verb: 'merge', manager: 'kubectl-patch', body: { metadata: { annotations: { note: null, other: 'x' } } } },
      {
        verb: 'json',
        manager: 'tool',
        body: [
          { op: 'test', path: '/spec/replicas', value: 99 },
          { op: 'remove', path: '/spec/paused' },
        ],
      },
      {
        verb: 'json',
        manager: 'tool',
        body: [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'y:1' }],
      },
      {
        verb: 'update',
        manager: 'wiper',
        body: edit(live => {
          live.metadata.managedFields = [{} as never];
        }),
      },
      apply('flux', workload()),
    ],
  },
  {
    name: 'status',
    resource: deployment,
    steps: [
      apply('flux', workload()),
      {
        verb: 'update',
        manager: 'controller',
        subresource: 'status',
        body: edit(live => {
          live.status = {
            observedGeneration: 1,
            replicas: 1,
            conditions: [
              {
                type: 'Available',
                status: 'True',
                reason: 'R',
                message: '',
                lastTransitionTime: '2024-01-01T00:00:00Z',
                lastUpdateTime: '2024-01-01T00:00:00Z',
              },
            ],
          };
        }),
      },
      {
        verb: 'merge',
        manager: 'controller',
        subresource: 'status',
        body: { status: { readyReplicas: 0, replicas: 2 } },
      },
      apply(
        'other',
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata,
          status: { replicas: 9, conditions: [{ type: 'X', status: 'True' }] },
        },
        { subresource: 'status' },
      ),
      apply(
        'other',
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata,
          status: { conditions: [{ type: 'X', status: 'False', reason: 'n' }] },
        },
        { subresource: 'status' },
      ),
      apply('flux', workload({ minReadySeconds: 3 })),
    ],
  },
  {
    name: 'strategic',
    resource: deployment,
    steps: [
      { verb: 'create', manager: 'c', body: workload({ replicas: 0, minReadySeconds: 0, paused: false }) },
      {
        verb: 'strategic',
        manager: 'kubectl-patch',
        body: {
          spec: {
            template: {
              spec: {
                containers: [
                  {
                    name: 'app',
                    env: [
                      { name: 'C', value: '3' },
                      { name: 'A', $patch: 'delete' },
                    ],
                  },
                ],
              },
            },
          },
        },
      },
      {
        verb: 'strategic',
        manager: 'kubectl-patch',
        body: {
          spec: {
            template: {
              spec: {
                $setElementOrder: undefined,
                '$setElementOrder/containers': [{ name: 'first' }, { name: 'app' }],
                containers: [{ name: 'first', image: 'f' }],
              },
            },
          },
        },
      },
      {
        verb: 'strategic',
        manager: 'kubectl-patch',
        body: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
      },
      {
        verb: 'strategic',
        manager: 'kubectl-patch',
        body: { metadata: { finalizers: ['example.com/a', 'example.com/b'] } },
      },
      {
        verb: 'strategic',
        manager: 'kubectl-patch',
        body: { metadata: { '$deleteFromPrimitiveList/finalizers': ['example.com/a'] } },
      },
      {
        verb: 'strategic',
        manager: 'kubectl-patch',
        body: {
          spec: { template: { spec: { volumes: [{ name: 'data', emptyDir: null, hostPath: { path: '/x' } }] } } },
        },
      },
      {
        verb: 'strategic',
        manager: 'kubectl-patch',
        body: {
          spec: {
            template: {
              spec: { containers: [{ $patch: 'replace' }, { name: 'app', image: 'only', volumeMounts: [] }] },
            },
          },
        },
      },
      {
        verb: 'strategic',
        manager: 'kubectl-patch',
        body: {
          spec: { template: { metadata: { annotations: null }, spec: { nodeSelector: { a: 'b' }, volumes: null } } },
        },
      },
    ],
  },
  {
    name: 'wrong',
    resource: deployment,
    steps: [
      { verb: 'create', manager: 'c', body: workload({ replica: 1 }) },
      { verb: 'create', manager: 'c', body: workload({ replicas: 'x' }) },
      { verb: 'create', manager: 'c', body: workload({ replicas: -1 }) },
      { verb: 'create', manager: 'c', body: workload({ selector: { matchLabels: { app: 'z' } } }) },
      { verb: 'create', manager: 'c', body: workload({}, { foo: 1 }, [{ ...container, bar: 2 }]) },
      {
        verb: 'create',
        manager: 'c',
        body: workload({}, {}, [
          { name: 'A b', ports: [{ containerPort: 0 }] },
          { name: 'd', image: 'x', volumeMounts: [{ name: 'no', mountPath: '/' }] },
        ]),
      },
      {
        verb: 'create',
        manager: 'c',
        body: workload({}, {}, [{ ...container, resources: { requests: { cpu: '3' }, limits: { cpu: '1x' } } }]),
      },
      {
        verb: 'create',
        manager: 'c',
        body: workload({}, {}, [{ ...container, resources: { requests: { cpu: '3' }, limits: { cpu: '1' } } }]),
      },
      { verb: 'create', manager: 'c', body: workload({}, { restartPolicy: 'Never', containers: [] }) },
      apply('flux', workload({ replica: 1 })),
      apply('flux', workload({ replicas: 'x' })),
      apply('flux', workload({}, {}, [{ ...container, env: [{ name: 'A' }, { name: 'A' }] }])),
      apply('flux', workload({}, {}, [{ ...container, env: [{ value: 'x' }] }])),
      apply('flux', workload({}, { containers: 'x' })),
      { verb: 'create', manager: 'c', body: workload({ replica: 1 }), fieldValidation: 'Ignore' },
      {
        verb: 'merge',
        manager: 'm',
        body: {
          spec: { selector: { matchLabels: { app: 'other' } }, template: { metadata: { labels: { app: 'other' } } } },
        },
      },
      { verb: 'json', manager: 'm', body: [{ op: 'remove', path: '/spec/nothing' }] },
      { verb: 'json', manager: 'm', body: [{ op: 'replace', path: '/spec/nothing', value: 1 }] },
      { verb: 'json', manager: 'm', body: [{ op: 'add', path: '/spec/no/where', value: 1 }] },
    ],
  },
];
