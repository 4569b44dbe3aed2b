import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../api/object.ts';
import { type BuildSpec, buildByKustomize, planBuild } from './build.ts';
import { emitYaml } from './emit.ts';
import { configMap, source } from './testing/source.ts';

const object = (kind: string, name: string, more = '', apiVersion = 'v1') =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: ${name}\n${more}`;

const web = `# The front door.
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: apps
  labels: {app: web, "tier": 'front'}
  annotations:
    note: "a \\"quoted\\" note: with # signs"
spec:
  replicas: 3 # enough
  strategy:
    rollingUpdate: { maxUnavailable: 0, maxSurge: 25% }
  template:
    spec:
      volumes:
      - name: tmp
        emptyDir: {}
      containers:
        - name: web
          image: registry.example.com/web:1.0.3
          command: ["./web", "--port=9898", "-v"]
          args:
          - --level=info
          - ./x
          env:

            # a comment within
            - {name: A, value: "yes"}
            - name: B
              value: |
                first
                  second

                third
            - name: C
              value: |-
                one
          resources:
            limits: {cpu: 1.5, memory: 64Mi}
            requests: {cpu: 100m, memory: "1"}
---
# only a comment
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: apps}
spec:
  ports:
  - port: 80
    targetPort: http
    enabled: true
`;

const roles = [
  object('ServiceAccount', 'bot', '  namespace: apps\n'),
  object(
    'ClusterRole',
    'reader',
    'rules:\n- apiGroups: [""]\n  resources: ["*"]\n  verbs: [get, list]\n',
    'rbac.authorization.k8s.io/v1',
  ),
  object(
    'RoleBinding',
    'bot',
    '  namespace: apps\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}\nsubjects:\n- kind: ServiceAccount\n  name: bot\n  namespace: apps\n- {kind: User, name: jane, apiGroup: rbac.authorization.k8s.io}\n',
    'rbac.authorization.k8s.io/v1',
  ),
].join('---\n');

/** One of every kind with a place of its own in the order, and some without, in a bad order. */
const everyKind =
  `PodDisruptionBudget CronJob StatefulSet Deployment PersistentVolumeClaim PersistentVolume PriorityClass LimitRange Service
  Endpoints Secret ConfigMap ClusterRole Role ServiceAccount CustomResourceDefinition StorageClass ResourceQuota Namespace Job
  DaemonSet Widget Gadget`
    .split(/\s+/)
    .flatMap((kind, index) => [
      object(
        kind,
        `n${index}`,
        '',
        index % 3 === 0 || kind === 'Namespace' ? 'v1' : index % 3 === 1 ? 'apps/v1' : 'example.com/v1beta1',
      ),
      object(kind, `m${index}`, '  namespace: zoo\n'),
      object(kind, `a${index}`, '  namespace: zoo\n', kind === 'Namespace' ? 'v1' : 'apps/v1'),
    ])
    .join('---\n');

describe('built without kustomize, and the same', () => {
  const table: [string, Record<string, string>, string?][] = [
    ['one manifest', { 'a.yaml': configMap('a') }],
    ['a deployment with everything', { 'web.yaml': web }],
    ['roles', { 'roles.yaml': roles }],
    ['the order of kinds', { 'all.yaml': everyKind }],
    [
      'names and namespaces in order',
      Object.fromEntries(['b', 'a', 'a-b', 'a.b', 'B', 'a0', 'ab'].map(name => [`${name}.yaml`, configMap(name)])),
    ],
    [
      'the same name in two namespaces',
      { 'a.yaml': configMap('a', '  namespace: one\n'), 'b.yaml': configMap('a', '  namespace: two\n') },
    ],
    ['folders', { 'z/a.yaml': configMap('a'), 'b/c/d.yml': configMap('b'), 'README.md': 'x' }],
    [
      'kustomizations that list others',
      {
        'kustomization.yaml': 'resources:\n- base\n- ./b.yaml\n- ../x/../app/c.yaml\n',
        'b.yaml': configMap('b'),
        'c.yaml': configMap('c'),
        'base/kustomization.yml':
          'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n',
        'base/a.yaml': configMap('a'),
      },
    ],
    [
      'the same through a folder without a kustomization',
      { 'base/kustomization.yaml': 'resources: [a.yaml]\n', 'base/a.yaml': configMap('a'), 'b.yaml': configMap('b') },
    ],
    ['empty maps and lists', { 'a.yaml': configMap('a', 'data: {}\nlist: []\ndeep: {a: [], b: {}}\n') }],
    ['numbers', { 'a.yaml': configMap('a', 'numbers: [0, 1, -1, 1.5, 0.25, 1.50, 123456789012345, -0.5, 10]\n') }],
    [
      'texts',
      {
        'a.yaml': configMap(
          'a',
          't: [a, A-b, /x, 10Mi, 1.2.3, "yes", "0777", "", \'it\'\'s\']\nu: $(X) and ${y}\nv: http://x:80/?a=b&c\nw: a#b\n',
        ),
      },
    ],
  ];
  for (const [name, files] of table)
    it(name, async () => {
      const nested = Object.fromEntries(Object.entries(files).map(([path, text]) => [`app/${path}`, text]));
      const request = { ...(await source(nested)), path: 'app', spec: {} };
      const plan = await planBuild(request);
      assert.equal(plan.by, 'direct');
      const built = await buildByKustomize(request);
      assert.deepEqual(plan.by === 'direct' && plan.objects, built);
      assert.equal(JSON.stringify(plan.by === 'direct' && plan.objects), JSON.stringify(built));
    });

  /** Every built-in kind whose namespace is set directly, with and without one of its own. */
  const namespacedKinds = Object.entries({
    v1: [
      'ConfigMap',
      'Secret',
      'Service',
      'ServiceAccount',
      'PersistentVolumeClaim',
      'Pod',
      'LimitRange',
      'ResourceQuota',
    ],
    'apps/v1': ['Deployment', 'StatefulSet', 'DaemonSet'],
    'batch/v1': ['Job', 'CronJob'],
    'autoscaling/v2': ['HorizontalPodAutoscaler'],
    'networking.k8s.io/v1': ['NetworkPolicy'],
    'policy/v1': ['PodDisruptionBudget'],
    'rbac.authorization.k8s.io/v1': ['Role'],
  }).flatMap(([apiVersion, kinds]) => kinds.map(kind => ({ apiVersion, kind })));

  const inNamespaces = namespacedKinds
    .flatMap(({ apiVersion, kind }) => [
      object(kind, `${kind.toLowerCase()}-a`, '', apiVersion),
      object(kind, `${kind.toLowerCase()}-b`, '  namespace: other\n', apiVersion),
    ])
    .join('---\n');
  const spec =
    'spec: {serviceAccountName: serviceaccount-a, template: {spec: {serviceAccountName: serviceaccount-a, volumes: [{configMap: {name: configmap-b}}]}}}\n';
  const namespaces: [string, Record<string, string>, BuildSpec][] = [
    ['the spec’s', { 'all.yaml': inNamespaces }, { targetNamespace: 'apps' }],
    ['the file’s', { 'all.yaml': inNamespaces, 'kustomization.yaml': 'namespace: apps\nresources: [all.yaml]\n' }, {}],
    [
      'the spec’s over the file’s',
      { 'all.yaml': inNamespaces, 'kustomization.yaml': 'namespace: x1\nresources: [all.yaml]\n' },
      { targetNamespace: 'apps' },
    ],
    [
      'with references',
      { 'all.yaml': inNamespaces, 'd.yaml': object('Deployment', 'refers', spec, 'apps/v1') },
      { targetNamespace: 'apps' },
    ],
    ['default', { 'all.yaml': inNamespaces }, { targetNamespace: 'default' }],
  ];
  for (const [name, files, spec] of namespaces)
    it(`a namespace: ${name}`, async () => {
      const request = { ...(await source(files)), path: '', spec };
      const plan = await planBuild(request);
      assert.equal(plan.by, 'direct');
      assert.equal(
        JSON.stringify(plan.by === 'direct' && plan.objects),
        JSON.stringify(await buildByKustomize(request)),
      );
    });
});

describe('left to kustomize', () => {
  const plain = { 'a.yaml': configMap('a') };
  const withText = (more: string) => ({ 'a.yaml': configMap('a', more) });
  const table: [string, Record<string, string>, BuildSpec?][] = [
    [
      'a namespace for a kind that may be of the cluster',
      { 'a.yaml': object('Widget', 'a', '', 'example.com/v1') },
      { targetNamespace: 'apps' },
    ],
    [
      'a namespace for a kind of the cluster',
      { 'a.yaml': object('ClusterRole', 'a', '', 'rbac.authorization.k8s.io/v1') },
      { targetNamespace: 'apps' },
    ],
    ['a namespace for a Namespace', { 'a.yaml': object('Namespace', 'a') }, { targetNamespace: 'apps' }],
    ['a namespace for subjects', { 'a.yaml': roles }, { targetNamespace: 'apps' }],
    [
      'a namespace in which two become one',
      { 'a.yaml': configMap('a', '  namespace: one\n'), 'b.yaml': configMap('a', '  namespace: two\n') },
      { targetNamespace: 'apps' },
    ],
    ['a prefix', plain, { namePrefix: 'x' }],
    ['a suffix', plain, { nameSuffix: 'x' }],
    ['patches', plain, { patches: [{ patch: configMap('a') }] }],
    ['images', plain, { images: [{ name: 'a', newTag: 'b' }] }],
    ['build metadata', plain, { buildMetadata: ['originAnnotations'] }],
    ['a kustomization that does something', { ...plain, 'kustomization.yaml': 'resources: [a.yaml]\nnamePrefix: x\n' }],
    [
      'a kustomization below that does something',
      { 'x/a.yaml': configMap('a'), 'x/kustomization.yaml': 'resources: [a.yaml]\nnamespace: x\n' },
    ],
    ['a kustomization without resources', { 'kustomization.yaml': 'configMapGenerator: [{name: a}]\n' }],
    ['a namespace that is none', { 'a.yaml': object('Namespace', 'a', '', 'apps/v1') }],
    ['the same object twice', { 'a.yaml': configMap('a'), 'b.yaml': configMap('a') }],
    [
      'the same object, its namespace once left out',
      { 'a.yaml': configMap('a'), 'b.yaml': configMap('a', '  namespace: default\n') },
    ],
    ['a list', { 'a.yaml': 'apiVersion: v1\nkind: List\nitems: []\n' }],
    ['no manifest', { 'a.yaml': 'a: b\n' }],
    ['no name', { 'a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {a: b}}\n' }],
    ['no YAML', { 'a.yaml': 'a: [\n' }],
    ['null', withText('x: null\n')],
    ['an empty value', withText('x:\n')],
    ['yes', withText('x: yes\n')],
    ['an octal number', withText('x: 0777\n')],
    ['an exponent', withText('x: 1e3\n')],
    ['a date', withText('x: 2001-01-01\n')],
    ['an anchor', withText('x: &a 1\n')],
    ['a tag', withText('x: !!str 1\n')],
    ['folded text', withText('x: >\n  a\n  b\n')],
    ['text on two lines', withText('x: a\n  b\n')],
    ['a key twice', withText('x: 1\nx: 2\n')],
    ['Windows line ends', { 'a.yaml': configMap('a').replaceAll('\n', '\r\n') }],
    ['a label that is a number', withText('  labels: {a: 1}\n')],
    ['empty labels', withText('  labels: {}\n')],
    ['an annotation for kustomize', withText('  annotations: {config.kubernetes.io/local-config: "true"}\n')],
    [
      'a subject without namespace',
      {
        'a.yaml': `${object('ClusterRoleBinding', 'a', 'subjects: [{kind: ServiceAccount, name: x}]\n', 'rbac.authorization.k8s.io/v1')}`,
      },
    ],
    ['a missing file', { 'kustomization.yaml': 'resources: [x.yaml]\n' }],
  ];
  for (const [name, files, spec = {}] of table)
    it(name, async () => {
      const request = { ...(await source(files)), path: '', spec };
      const by = await planBuild(request).then(
        plan => plan.by,
        () => 'error',
      );
      assert.notEqual(by, 'direct');
    });
});

describe('objects made by chance are the same from both', () => {
  /** Numbers that look random and are the same every time. */
  function chance(seed: number) {
    let state = seed;
    return (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  }

  const texts = [
    'a',
    'Zz',
    'a-b',
    '/x/y',
    './z',
    '10Mi',
    '1.2.3',
    'yes',
    'true',
    '1',
    '0777',
    '',
    ' a',
    'a ',
    'a: b',
    'a #b',
    '# c',
    'x\ny',
    'x\ny\n',
    '{',
    '[',
    '*',
    '&a',
    '"q"',
    "it's",
    '\\',
    '$(A)',
    '${b}',
    '2001-01-01',
    '~',
    'é',
    '- a',
    '-a',
    ':',
    'a:',
    '1e3',
    '0x1',
    '.5',
    '=',
    '<<',
    '%',
    '@',
    '`',
    'null',
    'off',
    '1:30',
  ];

  function value(next: (below: number) => number, depth: number): unknown {
    const what = next(depth > 2 ? 4 : 6);
    if (what < 3) return texts[next(texts.length)];
    if (what === 3) return [0, 1, -7, 1.5, true, false, 80, 65535][next(8)];
    if (what === 4) return Array.from({ length: next(4) }, () => value(next, depth + 1));
    return Object.fromEntries(
      Array.from({ length: next(4) }, (_, n) => [`k${n}${['', '.x', '/y', '-z'][next(4)]}`, value(next, depth + 1)]),
    );
  }

  for (const seed of [1, 2, 3])
    it(`seed ${seed}`, async () => {
      const next = chance(seed);
      const types = [
        { apiVersion: 'v1', kind: 'ConfigMap' },
        { apiVersion: 'apps/v1', kind: 'Deployment' },
        { apiVersion: 'example.com/v1', kind: 'Widget' },
        { apiVersion: 'v1', kind: 'Namespace' },
        { apiVersion: 'example.com/v1beta1', kind: 'Secret' },
      ];
      const objects = Array.from(
        { length: 120 },
        (_, n): KubeObject => ({
          ...types[next(types.length)]!,
          metadata: { name: `o${next(1000)}-${n}`, ...(next(2) ? { namespace: `ns${next(5)}` } : {}) },
          body: value(next, 0),
        }),
      );
      const files = Object.fromEntries(objects.map((made, n) => [`${n % 10}/${n}.yaml`, emitYaml(made)]));
      const request = { ...(await source(files)), path: '', spec: {} };
      const plan = await planBuild(request);
      const built = await buildByKustomize(request);
      const byName = (list: KubeObject[]) => list.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
      assert.deepEqual(byName(built), byName(objects), 'kustomize reads what was written');
      if (plan.by === 'direct') assert.deepEqual(plan.objects, built);
      // Texts that only the whole parser reads are among them, so that file by file is what shows the rest.
      for (const made of objects.slice(0, 60)) {
        const single = { ...(await source({ 'a.yaml': emitYaml(made) })), path: '', spec: {} };
        const alone = await planBuild(single);
        if (alone.by === 'direct') assert.deepEqual(alone.objects, [made]);
      }
    });
});
