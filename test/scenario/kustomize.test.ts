import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { configMap, definition, deployment, gitRepository, kustomization, secret, service, yaml } from './manifests.ts';
import { conditionOf, startWorld, until } from './world.ts';

const world = await startWorld();
const { cluster, git } = world;

const ready = (ns: string, name: string) =>
  world.condition('Kustomization', ns, name, 'Ready', 'True', 'ReconciliationSucceeded');

test('the fields that kustomize carries out reach the objects', async () => {
  const ns = 'fields';
  await world.namespace(ns);
  await createRepository(
    world.repositories,
    'fields.git',
    {
      'base/app.yaml': yaml(deployment('web', 'ghcr.io/acme/web:1.0.0'), service('web')),
      'base/kustomization.yaml': yaml({
        apiVersion: 'kustomize.config.k8s.io/v1beta1',
        kind: 'Kustomization',
        resources: ['app.yaml'],
      }),
      'extra/kustomization.yaml': yaml({
        apiVersion: 'kustomize.config.k8s.io/v1alpha1',
        kind: 'Component',
        configMapGenerator: [{ name: 'extra', literals: ['a=b'], options: { disableNameSuffixHash: true } }],
      }),
    },
    { branch: 'main' },
  );
  await world.apply(
    yaml(
      gitRepository(ns, 'app', `${git.url}/fields.git`),
      kustomization(ns, 'app', {
        path: './base',
        namePrefix: 'a-',
        nameSuffix: '-z',
        commonMetadata: { labels: { team: 'blue' }, annotations: { owner: 'ops' } },
        images: [{ name: 'ghcr.io/acme/web', newName: 'ghcr.io/acme/site', newTag: '2.0.0' }],
        components: ['../extra'],
        buildMetadata: ['originAnnotations'],
        patches: [
          {
            target: { kind: 'Deployment' },
            patch: yaml({
              apiVersion: 'apps/v1',
              kind: 'Deployment',
              metadata: { name: 'any' },
              spec: { replicas: 3 },
            }),
          },
          { target: { kind: 'Service' }, patch: '- op: replace\n  path: /spec/ports/0/port\n  value: 8080\n' },
        ],
      }),
    ),
  );
  await ready(ns, 'app');
  const web = await world.get('Deployment', ns, 'a-web-z');
  assert.equal(web?.spec.replicas, 3);
  assert.equal(web?.spec.template.spec.containers[0].image, 'ghcr.io/acme/site:2.0.0');
  assert.equal(web?.metadata.labels?.team, 'blue');
  assert.equal(web?.metadata.annotations?.owner, 'ops');
  assert.equal(web?.metadata.labels?.['kustomize.toolkit.fluxcd.io/name'], 'app');
  assert.equal(web?.metadata.labels?.['kustomize.toolkit.fluxcd.io/namespace'], ns);
  assert.equal(web?.metadata.managedFields?.[0]?.manager, 'kustomize-controller');
  assert.match(web?.metadata.annotations?.['config.kubernetes.io/origin'] ?? '', /app\.yaml/);
  assert.equal((await world.get('Service', ns, 'a-web-z'))?.spec.ports[0].port, 8080);
  assert.equal((await world.get('ConfigMap', ns, 'a-extra-z'))?.data.a, 'b');
});

test('variables are substituted from the spec, from ConfigMaps and from Secrets', async () => {
  const ns = 'vars';
  await world.namespace(ns);
  const untouched = { annotations: { 'kustomize.toolkit.fluxcd.io/substitute': 'disabled' } };
  await createRepository(
    world.repositories,
    'vars.git',
    {
      'a.yaml': yaml(
        configMap('a', {
          zone: '${zone}',
          tier: '${tier:=gold}',
          region: '${region}',
          password: '${password}',
          escaped: '$${zone}',
          plain: '$zone',
        }),
        configMap('raw', { zone: '${zone}' }, untouched),
      ),
    },
    { branch: 'main' },
  );
  await world.apply(
    yaml(
      { ...configMap('vars', { region: 'eu', zone: 'from-map' }), metadata: { namespace: ns, name: 'vars' } },
      secret(ns, 'vars', { password: 'hidden' }),
      gitRepository(ns, 'app', `${git.url}/vars.git`),
      kustomization(ns, 'app', {
        postBuild: {
          substitute: { zone: 'eu-1' },
          substituteFrom: [
            { kind: 'ConfigMap', name: 'vars' },
            { kind: 'Secret', name: 'vars' },
            { kind: 'ConfigMap', name: 'absent', optional: true },
          ],
        },
      }),
    ),
  );
  await ready(ns, 'app');
  assert.deepEqual((await world.get('ConfigMap', ns, 'a'))?.data, {
    zone: 'eu-1',
    tier: 'gold',
    region: 'eu',
    password: 'hidden',
    escaped: '${zone}',
    plain: '$zone',
  });
  assert.equal((await world.get('ConfigMap', ns, 'raw'))?.data.zone, '${zone}');
});

test('dependsOn orders, waits for readiness, and a cycle stalls its members alone', async () => {
  const ns = 'depends';
  await world.namespace(ns);
  await createRepository(
    world.repositories,
    'depends.git',
    {
      'a/a.yaml': yaml(configMap('a', {})),
      'b/b.yaml': yaml(configMap('b', {})),
      'c/c.yaml': yaml(configMap('c', {})),
    },
    { branch: 'main' },
  );
  await world.apply(
    yaml(
      gitRepository(ns, 'app', `${git.url}/depends.git`),
      kustomization(ns, 'c', { path: './c', dependsOn: [{ name: 'b' }] }),
      kustomization(ns, 'b', { path: './b', dependsOn: [{ name: 'a' }] }),
      kustomization(ns, 'x', { path: './a', namePrefix: 'x-', dependsOn: [{ name: 'y' }] }),
      kustomization(ns, 'y', { path: './a', namePrefix: 'y-', dependsOn: [{ name: 'x' }] }),
    ),
  );
  const waiting = await world.condition('Kustomization', ns, 'c', 'Ready', 'False', 'DependencyNotReady');
  assert.match(conditionOf(waiting, 'Ready')!.message, /dependency 'depends\/b'/);
  for (const name of ['x', 'y']) {
    const stalled = await world.condition('Kustomization', ns, name, 'Stalled', 'True');
    assert.match(conditionOf(stalled, 'Stalled')!.message, /x.*y|y.*x/);
  }
  await world.apply(yaml(kustomization(ns, 'a', { path: './a' })));
  await ready(ns, 'c');
  const applied = async (name: string) =>
    conditionOf(await world.get('Kustomization', ns, name), 'Ready')!.lastTransitionTime;
  assert.ok((await applied('a')) <= (await applied('b')));
  assert.ok((await applied('b')) <= (await applied('c')));
});

test('a failing health check is reported with the object, and a newer revision supersedes the wait', async () => {
  const ns = 'health';
  await world.namespace(ns);
  const repo = await createRepository(
    world.repositories,
    'health.git',
    { 'app.yaml': yaml(deployment('web', 'web:1', { fail: true })) },
    { branch: 'main' },
  );
  const check = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: ns };
  await world.apply(
    yaml(
      gitRepository(ns, 'app', `${git.url}/health.git`, { interval: '1s' }),
      kustomization(ns, 'short', { healthChecks: [check], timeout: '2s' }),
    ),
  );
  const failed = await world.condition('Kustomization', ns, 'short', 'Ready', 'False', 'HealthCheckFailed');
  assert.match(conditionOf(failed, 'Ready')!.message, /Deployment\/health\/web status: 'InProgress'/);
  assert.equal(conditionOf(failed, 'Healthy')?.status, 'False');

  // The same deployment under a wait of ten minutes: the fix must not stand in line behind it.
  await world.apply(yaml(kustomization(ns, 'short', { healthChecks: [check], timeout: '10m', wait: true })));
  await world.condition('Kustomization', ns, 'short', 'Reconciling', 'True', 'Progressing');
  const sha = await commitFiles(
    repo,
    { 'app.yaml': yaml(deployment('web', 'web:2')) },
    { message: 'Mend it', branch: 'main' },
  );
  await until('the fix is applied and healthy', async () => {
    const object = await world.get('Kustomization', ns, 'short');
    return object?.status.lastAppliedRevision?.endsWith(sha) && conditionOf(object, 'Ready')?.status === 'True';
  });
});

test('a service account without rights is refused, and with them it applies', async () => {
  const ns = 'tenant';
  await world.namespace(ns);
  await createRepository(
    world.repositories,
    'tenant.git',
    { 'a.yaml': yaml(configMap('a', { x: '1' })) },
    { branch: 'main' },
  );
  await world.apply(
    yaml(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: ns, name: 'deployer' } },
      gitRepository(ns, 'app', `${git.url}/tenant.git`),
      kustomization(ns, 'app', { serviceAccountName: 'deployer', retryInterval: '1s' }),
    ),
  );
  const refused = await world.condition('Kustomization', ns, 'app', 'Ready', 'False', 'ReconciliationFailed');
  assert.match(conditionOf(refused, 'Ready')!.message, /system:serviceaccount:tenant:deployer/);
  assert.equal(await world.get('ConfigMap', ns, 'a'), undefined);
  await world.apply(
    yaml(
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { namespace: ns, name: 'deployer' },
        rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { namespace: ns, name: 'deployer' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'deployer' },
        subjects: [{ kind: 'ServiceAccount', name: 'deployer', namespace: ns }],
      },
    ),
  );
  await ready(ns, 'app');
  assert.ok(await world.get('ConfigMap', ns, 'a'));
});

test('drift is corrected at the interval, and a field that is immutable is replaced under force', async () => {
  const ns = 'drift';
  await world.namespace(ns);
  const immutable = (value: string) => ({ ...configMap('fixed', { x: value }), immutable: true });
  const repo = await createRepository(
    world.repositories,
    'drift.git',
    { 'a.yaml': yaml(configMap('a', { x: '1' })), 'fixed.yaml': yaml(immutable('1')) },
    { branch: 'main' },
  );
  await world.apply(
    yaml(
      gitRepository(ns, 'app', `${git.url}/drift.git`, { interval: '1s' }),
      kustomization(ns, 'app', { interval: '2s', retryInterval: '1s' }),
    ),
  );
  await ready(ns, 'app');
  await cluster.patch({ apiVersion: 'v1', kind: 'ConfigMap' }, ns, 'a', {
    type: 'merge',
    body: { data: { x: 'drifted' } },
  });
  await until('the drift is corrected', async () => (await world.get('ConfigMap', ns, 'a'))?.data.x === '1');
  await cluster.delete({ apiVersion: 'v1', kind: 'ConfigMap' }, ns, 'a');
  await until('the deleted object is back', () => world.get('ConfigMap', ns, 'a'));

  await commitFiles(repo, { 'fixed.yaml': yaml(immutable('2')) }, { message: 'Change it', branch: 'main' });
  const refused = await world.condition('Kustomization', ns, 'app', 'Ready', 'False', 'ReconciliationFailed');
  assert.match(conditionOf(refused, 'Ready')!.message, /ConfigMap\/drift\/fixed .*immutable/s);
  assert.equal((await world.get('ConfigMap', ns, 'fixed'))?.data.x, '1');
  await world.apply(yaml(kustomization(ns, 'app', { interval: '2s', force: true })));
  await ready(ns, 'app');
  assert.equal((await world.get('ConfigMap', ns, 'fixed'))?.data.x, '2');
});

test('definitions and namespaces come before what needs them', async () => {
  const ns = 'stages';
  await world.namespace(ns);
  const gadgets = definition('acme.example', 'Gadget', {
    properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
  });
  const gadget = {
    apiVersion: 'acme.example/v1',
    kind: 'Gadget',
    metadata: { name: 'one', namespace: 'stages-new' },
    spec: { size: 3 },
  };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'stages-new' } };
  await createRepository(
    world.repositories,
    'stages.git',
    { 'all.yaml': yaml(gadget, namespace, gadgets) },
    { branch: 'main' },
  );
  await world.apply(
    yaml(
      gitRepository(ns, 'app', `${git.url}/stages.git`),
      kustomization(ns, 'app', { targetNamespace: undefined, wait: true, timeout: '1m' }),
    ),
  );
  await ready(ns, 'app');
  assert.equal(
    (await cluster.get({ apiVersion: 'acme.example/v1', kind: 'Gadget' }, 'stages-new', 'one'))?.spec.size,
    3,
  );
});

test('a field that is not built yet stalls the object and is named', async () => {
  const ns = 'unbuilt';
  await world.namespace(ns);
  await world.apply(yaml(kustomization(ns, 'app', { decryption: { provider: 'sops' } })));
  const ks = await world.condition('Kustomization', ns, 'app', 'Stalled', 'True');
  assert.match(conditionOf(ks, 'Stalled')!.message, /spec\.decryption/);
  assert.equal(conditionOf(ks, 'Ready')?.status, 'False');
});
