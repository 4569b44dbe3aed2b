import type { Ask } from './sandbox-http.ts';

const core = '/api/v1/namespaces/kinds';
const pods = `${core}/pods`;
const template = (labels: object, spec: object = {}) => ({
  metadata: { labels },
  spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec },
});
const post = (name: string, path: string, body: object): Ask => ({ name, method: 'POST', path, body });
const merge = (name: string, path: string, body: object): Ask => ({
  name,
  method: 'PATCH',
  path,
  type: 'application/merge-patch+json',
  body,
});
const apply = (name: string, path: string, apiVersion: string, kind: string, body: object): Ask => ({
  name,
  method: 'PATCH',
  path: `${path}/${(body as { metadata: { name: string } }).metadata.name}?fieldManager=flux`,
  type: 'application/apply-patch+yaml',
  body: { apiVersion, kind, ...body },
});
const service = (name: string, spec: object) => ({ metadata: { name }, spec });
const port = { port: 80, targetPort: 'http' };
const hpa = '/apis/autoscaling/v2/namespaces/kinds/horizontalpodautoscalers';
const apps = '/apis/apps/v1/namespaces/kinds';
const batch = '/apis/batch/v1/namespaces/kinds';

const services: Ask[] = [
  post('service', `${core}/services`, service('s', { selector: { a: 'b' }, ports: [port] })),
  apply(
    'service applied',
    `${core}/services`,
    'v1',
    'Service',
    service('applied', { selector: { a: 'b' }, ports: [port] }),
  ),
  apply(
    'service applied again',
    `${core}/services`,
    'v1',
    'Service',
    service('applied', { selector: { a: 'b' }, ports: [port] }),
  ),
  post(
    'service of nodes',
    `${core}/services`,
    service('n', { type: 'NodePort', selector: { a: 'b' }, ports: [{ port: 80 }] }),
  ),
  post('service with a balancer', `${core}/services`, service('l', { type: 'LoadBalancer', ports: [{ port: 80 }] })),
  post(
    'service headless',
    `${core}/services`,
    service('h', { clusterIP: 'None', selector: { a: 'b' }, ports: [port] }),
  ),
  post('service headless without selector', `${core}/services`, service('hs', { clusterIP: 'None' })),
  post('service elsewhere', `${core}/services`, service('e', { type: 'ExternalName', externalName: 'example.com' })),
  post('service without ports', `${core}/services`, service('x', { selector: { a: 'b' } })),
  post('service with equal ports', `${core}/services`, service('x', { ports: [{ port: 80 }, { port: 80 }] })),
  post(
    'service with a wrong port',
    `${core}/services`,
    service('x', { ports: [{ port: 0, name: 'A_B' }], type: 'Cloud' }),
  ),
  merge('service: another address', `${core}/services/s`, {
    spec: { clusterIP: '10.0.0.99', clusterIPs: ['10.0.0.99'] },
  }),
  merge('service: to nodes', `${core}/services/s`, { spec: { type: 'NodePort' } }),
  merge('service: and back', `${core}/services/s`, {
    spec: { type: 'ClusterIP', ports: [{ port: 80, targetPort: 'http' }] },
  }),
];

const workloads: Ask[] = [
  post('pod', pods, { metadata: { name: 'p' }, spec: { containers: [{ name: 'app', image: 'app' }] } }),
  apply('pod applied', pods, 'v1', 'Pod', {
    metadata: { name: 'a' },
    spec: { containers: [{ name: 'app', image: 'app:1' }] },
  }),
  merge('pod: only the image', `${pods}/p`, { spec: { containers: [{ name: 'app', image: 'app:2' }] } }),
  {
    name: 'pod: image',
    method: 'PATCH',
    path: `${pods}/p`,
    type: 'application/json-patch+json',
    body: [{ op: 'replace', path: '/spec/containers/0/image', value: 'app:2' }],
  },
  merge('pod: immutable', `${pods}/p`, { spec: { restartPolicy: 'Never' } }),
  merge('pod: longer deadline', `${pods}/p`, { spec: { activeDeadlineSeconds: 5 } }),
  merge('pod: without a container', `${pods}/p`, { spec: { containers: [] } }),
  post('pod with an account that is not', pods, {
    metadata: { name: 'x' },
    spec: { serviceAccountName: 'none', containers: [{ name: 'app', image: 'app' }] },
  }),
  post('pod without token', pods, {
    metadata: { name: 'bare' },
    spec: {
      automountServiceAccountToken: false,
      containers: [{ name: 'app', image: 'app', resources: { requests: { cpu: 1 } } }],
    },
  }),
  post('pod with a class of priority', pods, {
    metadata: { name: 'critical' },
    spec: { priorityClassName: 'system-node-critical', containers: [{ name: 'app', image: 'app' }] },
  }),
  post('pod with an unknown class', pods, {
    metadata: { name: 'x' },
    spec: { priorityClassName: 'none', containers: [{ name: 'app', image: 'app' }] },
  }),
  { name: 'pod deleted', method: 'DELETE', path: `${pods}/bare` },
  post('job', `${batch}/jobs`, {
    metadata: { name: 'j' },
    spec: { template: template({}, { restartPolicy: 'Never' }) },
  }),
  apply('job applied', `${batch}/jobs`, 'batch/v1', 'Job', {
    metadata: { name: 'applied' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'app:1' }] } } },
  }),
  apply('job applied again', `${batch}/jobs`, 'batch/v1', 'Job', {
    metadata: { name: 'applied' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'app:1' }] } } },
  }),
  merge('job: template', `${batch}/jobs/j`, { spec: { template: { spec: { restartPolicy: 'OnFailure' } } } }),
  post('job that restarts', `${batch}/jobs`, { metadata: { name: 'x' }, spec: { template: template({}) } }),
  { name: 'job deleted', method: 'DELETE', path: `${batch}/jobs/j?dryRun=All` },
  post('cron job', `${batch}/cronjobs`, {
    metadata: { name: 'c' },
    spec: { schedule: '* * * * *', jobTemplate: { spec: { template: template({}, { restartPolicy: 'Never' }) } } },
  }),
  post('cron job with a wrong schedule', `${batch}/cronjobs`, {
    metadata: { name: 'x' },
    spec: { schedule: 'now', jobTemplate: { spec: { template: template({}, { restartPolicy: 'Never' }) } } },
  }),
  apply('daemon set', `${apps}/daemonsets`, 'apps/v1', 'DaemonSet', {
    metadata: { name: 'd' },
    spec: { selector: { matchLabels: { a: 'b' } }, template: template({ a: 'b' }) },
  }),
  merge('daemon set: template', `${apps}/daemonsets/d`, {
    spec: { template: { metadata: { annotations: { a: 'b' } } } },
  }),
  post('stateful set', `${apps}/statefulsets`, {
    metadata: { name: 's' },
    spec: {
      serviceName: 's',
      selector: { matchLabels: { a: 'b' } },
      template: template({ a: 'b' }),
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
    },
  }),
  merge('stateful set: service', `${apps}/statefulsets/s`, { spec: { serviceName: 'other' } }),
  post('replica set', `${apps}/replicasets`, {
    metadata: { name: 'r' },
    spec: { selector: { matchLabels: { a: 'b' } }, template: template({ a: 'b' }) },
  }),
];

const others: Ask[] = [
  post('claim', `${core}/persistentvolumeclaims`, {
    metadata: { name: 'c' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }),
  apply('claim applied', `${core}/persistentvolumeclaims`, 'v1', 'PersistentVolumeClaim', {
    metadata: { name: 'a' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }),
  { name: 'claim deleted', method: 'DELETE', path: `${core}/persistentvolumeclaims/c` },
  post('autoscaler', hpa, {
    metadata: { name: 'h' },
    spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } },
  }),
  post('autoscaler without a version', hpa, {
    metadata: { name: 'x' },
    spec: { maxReplicas: 0, scaleTargetRef: { kind: 'Deployment', name: 'd' } },
  }),
  {
    name: 'autoscaler, older version',
    method: 'GET',
    path: '/apis/autoscaling/v1/namespaces/kinds/horizontalpodautoscalers/h',
  },
  post('ingress', '/apis/networking.k8s.io/v1/namespaces/kinds/ingresses', {
    metadata: { name: 'i' },
    spec: {
      rules: [
        {
          host: 'a.example.com',
          http: {
            paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } }],
          },
        },
      ],
    },
  }),
  post('ingress without path type', '/apis/networking.k8s.io/v1/namespaces/kinds/ingresses', {
    metadata: { name: 'x' },
    spec: { rules: [{ http: { paths: [{ path: 'a', backend: { service: { name: 's' } } }] } }] },
  }),
  post('network policy', '/apis/networking.k8s.io/v1/namespaces/kinds/networkpolicies', {
    metadata: { name: 'n' },
    spec: { podSelector: {}, ingress: [{}] },
  }),
  post('disruption budget', '/apis/policy/v1/namespaces/kinds/poddisruptionbudgets', {
    metadata: { name: 'p' },
    spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } },
  }),
  post('service account', `${core}/serviceaccounts`, { metadata: { name: 's' } }),
  post('secret', `${core}/secrets`, { metadata: { name: 's' }, stringData: { a: 'b' } }),
  apply('secret applied', `${core}/secrets`, 'v1', 'Secret', { metadata: { name: 'applied' }, stringData: { a: 'b' } }),
  merge('secret: type', `${core}/secrets/s`, { type: 'other' }),
  post('secret without base64', `${core}/secrets`, { metadata: { name: 'x' }, data: { a: '?' } }),
  post('secret with TLS missing', `${core}/secrets`, { metadata: { name: 'x' }, type: 'kubernetes.io/tls', data: {} }),
  post('event', `${core}/events`, {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'kinds' },
    reason: 'R',
    message: 'M',
    type: 'Normal',
  }),
  post('event of elsewhere', `${core}/events`, {
    metadata: { name: 'x' },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'other' },
  }),
  post('event of a cluster-wide object', `${core}/events`, {
    metadata: { name: 'x' },
    involvedObject: { kind: 'Node', name: 'p' },
  }),
  post('lease', '/apis/coordination.k8s.io/v1/namespaces/kinds/leases', {
    metadata: { name: 'l' },
    spec: { holderIdentity: 'me', leaseDurationSeconds: 15 },
  }),
  post('quota', `${core}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard: { pods: '1000' } } }),
  post('limit range', `${core}/limitranges`, {
    metadata: { name: 'l' },
    spec: { limits: [{ type: 'Pod', max: { cpu: '64' } }] },
  }),
  post('namespace', '/api/v1/namespaces', { metadata: { name: 'kinds-more' } }),
  { name: 'namespace deleted, dry run', method: 'DELETE', path: '/api/v1/namespaces/kinds-more?dryRun=All' },
  post('storage class', '/apis/storage.k8s.io/v1/storageclasses', {
    metadata: { name: 's' },
    provisioner: 'example.com/none',
  }),
  post('priority class', '/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name: 'p' }, value: 5 }),
  post('volume', '/api/v1/persistentvolumes', {
    metadata: { name: 'v' },
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } },
  }),
];

export const kindAsks: Ask[] = [...services, ...workloads, ...others];
