import type { Case } from './sandbox-objects-steps.ts';

/** One of each kind that users apply: what defaulting makes of it, who owns what then, and how it may be wrong. */

const metadata = { name: '$name' };
const pod = { containers: [{ name: 'a', image: 'x' }] };
const selector = { matchLabels: { app: 'x' } };
const template = { metadata: { labels: { app: 'x' } }, spec: pod };

interface Kind {
  apiVersion: string;
  kind: string;
  plural: string;
  good: object;
  /** Merge patches: some are taken, some refused. */
  patches?: object[];
  /** Whole objects that are refused. */
  wrong?: object[];
}

const kinds: Kind[] = [
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    plural: 'statefulsets',
    good: {
      spec: {
        serviceName: 's',
        selector,
        template,
        volumeClaimTemplates: [
          {
            metadata: { name: 'd' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1024Mi' } } },
          },
        ],
      },
    },
    patches: [{ spec: { replicas: 2 } }, { spec: { serviceName: 't' } }, { spec: { podManagementPolicy: 'Parallel' } }],
    wrong: [
      { spec: { selector, template: { metadata: { labels: { app: 'y' } }, spec: pod } } },
      { spec: { template } },
    ],
  },
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    plural: 'daemonsets',
    good: {
      spec: {
        selector,
        template: { ...template, spec: { ...pod, hostNetwork: true, tolerations: [{ operator: 'Exists' }] } },
      },
    },
    patches: [{ spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: null } } }],
    wrong: [{ spec: { selector: {}, template } }],
  },
  {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    plural: 'replicasets',
    good: { spec: { selector, template } },
    patches: [{ spec: { replicas: 0 } }],
    wrong: [{ spec: { selector, template: { ...template, spec: { ...pod, activeDeadlineSeconds: 3 } } } }],
  },
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    plural: 'jobs',
    good: {
      spec: { manualSelector: true, selector, template: { ...template, spec: { ...pod, restartPolicy: 'Never' } } },
    },
    patches: [{ spec: { parallelism: 2 } }, { spec: { completions: 4 } }, { spec: { backoffLimit: -1 } }],
    wrong: [{ spec: { manualSelector: true, selector, template } }],
  },
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    plural: 'cronjobs',
    good: {
      spec: {
        schedule: '*/5 * * * *',
        jobTemplate: { spec: { template: { spec: { ...pod, restartPolicy: 'OnFailure' } } } },
      },
    },
    patches: [{ spec: { suspend: true } }, { spec: { concurrencyPolicy: 'Never' } }],
    wrong: [{ spec: { jobTemplate: { spec: { template: { spec: pod } } } } }],
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    plural: 'ingresses',
    good: {
      spec: {
        rules: [
          {
            host: 'a.example.com',
            http: {
              paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } }],
            },
          },
        ],
        tls: [{ hosts: ['a.example.com'], secretName: 't' }],
      },
    },
    patches: [{ spec: { rules: [{ host: '*.example.com' }] } }, { spec: { rules: [{ host: 'A' }] } }],
    wrong: [
      { spec: {} },
      {
        spec: {
          rules: [
            {
              http: { paths: [{ path: 'x', pathType: 'Exact', backend: {} }, { backend: { service: { name: 's' } } }] },
            },
          ],
        },
      },
    ],
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    good: {
      spec: {
        podSelector: {},
        ingress: [{ ports: [{ port: 80 }, { port: 'http', protocol: 'UDP' }], from: [{ namespaceSelector: {} }] }],
        egress: [{}],
      },
    },
    patches: [{ spec: { policyTypes: ['Ingress', 'Bad'] } }, { spec: { egress: [] } }],
  },
  {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
    good: {
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' },
        maxReplicas: 3,
        behavior: { scaleDown: { stabilizationWindowSeconds: 5 } },
      },
    },
    patches: [{ spec: { minReplicas: 2 } }, { spec: { minReplicas: 5 } }],
    wrong: [{ spec: { scaleTargetRef: { kind: 'Deployment', name: 'x' }, maxReplicas: 0 } }],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    plural: 'rolebindings',
    good: {
      roleRef: { kind: 'ClusterRole', name: 'view' },
      subjects: [
        { kind: 'ServiceAccount', name: 'default' },
        { kind: 'User', name: 'jane' },
      ],
    },
    patches: [{ subjects: [{ kind: 'Group', name: 'devs' }] }, { roleRef: { name: 'edit' } }],
    wrong: [
      { roleRef: { kind: 'Bad', name: 'x' }, subjects: [{ kind: 'Bad', name: 'x' }] },
      { roleRef: { kind: 'Role' } },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    plural: 'roles',
    good: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }] },
    patches: [{ rules: null }, { rules: [{ verbs: [] }, { verbs: ['get'], nonResourceURLs: ['/x'] }] }],
  },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    plural: 'persistentvolumeclaims',
    good: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '0.5Gi' } } } },
    patches: [{ metadata: { labels: { a: 'b' } } }],
    wrong: [
      { spec: { accessModes: ['Some'], resources: {} } },
      { spec: { resources: { requests: { storage: '0' } } } },
    ],
  },
  {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    good: { imagePullSecrets: [{ name: 's' }], automountServiceAccountToken: false },
    patches: [{ imagePullSecrets: null }, { automountServiceAccountToken: null, bad: 1 }],
  },
  {
    apiVersion: 'v1',
    kind: 'LimitRange',
    plural: 'limitranges',
    good: {
      spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { cpu: '100m' }, default: { memory: '1G' } }] },
    },
  },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    good: { spec: { minAvailable: '50%', selector } },
    patches: [{ spec: { minAvailable: 1 } }],
  },
  {
    apiVersion: 'v1',
    kind: 'Endpoints',
    plural: 'endpoints',
    good: { subsets: [{ addresses: [{ ip: '10.1.1.1' }], ports: [{ port: 80 }] }] },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    good: { addressType: 'IPv4', endpoints: [{ addresses: ['10.1.1.1'] }], ports: [{ port: 80 }] },
  },
];

export const kindCases: Case[] = kinds.map(({ apiVersion, kind, plural, good, patches = [], wrong = [] }) => {
  const type = { apiVersion, kind };
  const object = { ...type, metadata: { ...metadata, labels: { app: 'x' } }, ...good };
  return {
    name: `kind-${kind.toLowerCase()}`,
    resource: { ...type, plural },
    steps: [
      ...wrong.map(fields => ({ verb: 'create' as const, manager: 'c', body: { ...type, metadata, ...fields } })),
      { verb: 'create', manager: 'c', body: object },
      { verb: 'apply', manager: 'flux', body: object },
      { verb: 'apply', manager: 'flux', body: object },
      ...patches.map(body => ({ verb: 'merge' as const, manager: 'm', body })),
      { verb: 'apply', manager: 'flux', body: object, force: true },
    ],
  };
});
