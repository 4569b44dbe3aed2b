import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { kubectlPath } from '../../shared/manifests/layer.ts';
import { configMap, definition, deployment, gitRepository, kustomization, secret, yaml } from './manifests.ts';
import { conditionOf, startWorld, typeOf, until } from './world.ts';

const world = await startWorld();
const { cluster, git } = world;
const configMaps = typeOf('ConfigMap');

const ready = (ns: string, name: string) =>
  world.condition('Kustomization', ns, name, 'Ready', 'True', 'ReconciliationSucceeded');

async function open(ns: string, files: Record<string, string>): Promise<string> {
  await world.namespace(ns);
  const repo = await createRepository(world.repositories, `${ns}.git`, files, { branch: 'main' });
  await world.apply(yaml(gitRepository(ns, 'app', `${git.url}/${ns}.git`, { interval: '1s' })));
  return repo;
}

/** Asks for a reconcile as `flux reconcile` does, and waits until it is handled. */
async function reconcile(ns: string, name: string): Promise<void> {
  const at = `${Date.now()}-${Math.random()}`;
  await cluster.patch(typeOf('Kustomization'), ns, name, {
    type: 'merge',
    body: { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': at } } },
  });
  await until(
    'the request is handled',
    async () => (await world.get('Kustomization', ns, name))?.status.lastHandledReconcileAt === at,
  );
}

const setPhase = (ns: string, name: string, phase: string) =>
  cluster.patch({ apiVersion: 'health.acme.example/v1', kind: 'Engine' }, ns, name, {
    type: 'merge',
    body: { status: { phase } },
  });

test('healthCheckExprs tell whether custom resources are healthy', async () => {
  const ns = 'expressions';
  const engine = (name: string) => ({ apiVersion: 'health.acme.example/v1', kind: 'Engine', metadata: { name } });
  await open(ns, {
    'crd/d.yaml': yaml(definition('health.acme.example', 'Engine', { 'x-kubernetes-preserve-unknown-fields': true })),
    'up/e.yaml': yaml(engine('up')),
    'down/e.yaml': yaml(engine('down')),
  });
  const healthCheckExprs = [
    {
      apiVersion: 'health.acme.example/v1',
      kind: 'Engine',
      inProgress: '!has(status.phase)',
      failed: "status.phase == 'Down'",
      current: "status.phase == 'Up'",
    },
  ];
  await world.apply(
    yaml(
      kustomization(ns, 'crd', { path: './crd', targetNamespace: undefined, wait: true }),
      ...['up', 'down'].map(name =>
        kustomization(ns, name, {
          path: `./${name}`,
          wait: true,
          timeout: '5m',
          healthCheckExprs,
          dependsOn: [{ name: 'crd' }],
        }),
      ),
    ),
  );
  await ready(ns, 'crd');
  for (const name of ['up', 'down'])
    await until(`${name} is waited for`, async () => {
      const object = await world.get('Kustomization', ns, name);
      return conditionOf(object, 'Healthy')?.status === 'Unknown';
    });
  await setPhase(ns, 'up', 'Up');
  await setPhase(ns, 'down', 'Down');
  await ready(ns, 'up');
  const failed = await world.condition('Kustomization', ns, 'down', 'Ready', 'False', 'HealthCheckFailed');
  assert.match(conditionOf(failed, 'Ready')!.message, /Engine\/expressions\/down status: 'Failed'/);
});

test('readyExpr decides in place of the Ready condition of a dependency', async () => {
  const ns = 'ready-expr';
  await open(ns, { 'a/a.yaml': yaml(configMap('a', {})), 'b/b.yaml': yaml(configMap('b', {})) });
  const gate = (open: string) => ({
    ...kustomization(ns, 'a', { path: './a' }),
    metadata: { namespace: ns, name: 'a', labels: { gate: open } },
  });
  const readyExpr = "dep.metadata.labels['gate'] == 'open' && self.metadata.name == 'b'";
  await world.apply(yaml(gate('shut'), kustomization(ns, 'b', { path: './b', dependsOn: [{ name: 'a', readyExpr }] })));
  await ready(ns, 'a');
  const waiting = await world.condition('Kustomization', ns, 'b', 'Ready', 'False', 'DependencyNotReady');
  assert.match(conditionOf(waiting, 'Ready')!.message, /dependency 'ready-expr\/a' .*readyExpr/);
  assert.equal(await world.get('ConfigMap', ns, 'b'), undefined);
  await world.apply(yaml(gate('open')));
  await reconcile(ns, 'b');
  await ready(ns, 'b');
  await world.apply(yaml(kustomization(ns, 'odd', { dependsOn: [{ name: 'a', readyExpr: 'dep. ==' }] })));
  const odd = await world.condition('Kustomization', ns, 'odd', 'Stalled', 'True', 'InvalidCELExpression');
  assert.match(conditionOf(odd, 'Ready')!.message, /spec\.dependsOn\[0\]\.readyExpr/);
});

test('the deletion policy decides what goes with a Kustomization, and whether it waits for that', async () => {
  const ns = 'policies';
  const held = configMap('a', { x: '1' }, { finalizers: ['acme.example/hold'] });
  await open(ns, { 'plain/a.yaml': yaml(configMap('a', { x: '1' })), 'held/a.yaml': yaml(held) });
  const cases: [string, Record<string, unknown>, boolean][] = [
    ['mirror', { prune: false }, false],
    ['delete', { prune: false, deletionPolicy: 'Delete' }, true],
    ['paused', { prune: true, deletionPolicy: 'Delete' }, false],
  ];
  await world.apply(
    yaml(
      ...cases.map(([name, spec]) => kustomization(ns, name, { path: './plain', namePrefix: `${name}-`, ...spec })),
      kustomization(ns, 'wait', { path: './held', namePrefix: 'wait-', deletionPolicy: 'WaitForTermination' }),
    ),
  );
  for (const [name] of cases) await ready(ns, name);
  await ready(ns, 'wait');
  await cluster.patch(typeOf('Kustomization'), ns, 'paused', { type: 'merge', body: { spec: { suspend: true } } });
  for (const name of [...cases.map(([name]) => name), 'wait']) await cluster.delete(typeOf('Kustomization'), ns, name);
  for (const [name, , deleted] of cases) {
    await until(`${name} is gone`, async () => !(await world.get('Kustomization', ns, name)));
    assert.equal((await world.get('ConfigMap', ns, `${name}-a`)) === undefined, deleted, name);
  }
  const terminating = await until('the deletion is under way', async () => {
    const object = await world.get('ConfigMap', ns, 'wait-a');
    return object?.metadata.deletionTimestamp && object;
  });
  assert.ok(terminating);
  await until('it says what it waits for', async () =>
    conditionOf(await world.get('Kustomization', ns, 'wait'), 'Reconciling')?.message.startsWith('Terminating'),
  );
  await cluster.patch(configMaps, ns, 'wait-a', { type: 'merge', body: { metadata: { finalizers: null } } });
  await until('it is gone', async () => !(await world.get('Kustomization', ns, 'wait')));
  assert.equal(await world.get('ConfigMap', ns, 'wait-a'), undefined);
});

test('status and Events tell what was tried, what was applied, and how each attempt went', async () => {
  const ns = 'history';
  const repo = await open(ns, { 'a.yaml': yaml(configMap('a', { x: '1' })) });
  await world.apply(yaml(kustomization(ns, 'app', { retryInterval: '1m' })));
  const first = await ready(ns, 'app');
  const revision = first.status.lastAppliedRevision as string;
  assert.equal(first.status.lastAttemptedRevision, revision);
  assert.equal(first.status.observedGeneration, first.metadata.generation);
  const [only, ...none] = first.status.history;
  assert.deepEqual(none, []);
  assert.match(only.digest, /^sha256:[0-9a-f]{64}$/);
  assert.deepEqual([only.lastReconciledStatus, only.totalReconciliations], ['ReconciliationSucceeded', 1]);
  assert.deepEqual(only.metadata, { revision });

  const port = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'svc' }, spec: { ports: [{ port: 99999 }] } };
  const sha = await commitFiles(repo, { 'b.yaml': yaml(port) }, { message: 'Break it', branch: 'main' });
  const failed = await world.condition('Kustomization', ns, 'app', 'Ready', 'False', 'ReconciliationFailed');
  assert.equal(failed.status.lastAppliedRevision, revision);
  assert.equal(failed.status.lastAttemptedRevision, `main@sha1:${sha}`);
  assert.deepEqual(
    failed.status.history.map((each: { lastReconciledStatus: string }) => each.lastReconciledStatus),
    ['ReconciliationFailed', 'ReconciliationSucceeded'],
  );
  assert.equal(conditionOf(failed, 'Reconciling')?.reason, 'ProgressingWithRetry');

  await commitFiles(repo, { 'b.yaml': undefined }, { message: 'Mend it', branch: 'main' });
  const mended = await ready(ns, 'app');
  const [latest] = mended.status.history;
  assert.deepEqual([latest.digest, latest.totalReconciliations], [only.digest, 2]);
  assert.equal(latest.firstReconciled, only.firstReconciled);
  const events = await until('the Events are there', async () => {
    const { items } = await cluster.list(typeOf('Event'), { namespace: ns });
    const ours = items.filter(
      event => event.involvedObject.name === 'app' && event.involvedObject.kind === 'Kustomization',
    );
    return ours.filter(event => event.reason === 'ReconciliationSucceeded').length > 0 &&
      ours.some(event => event.type === 'Warning')
      ? ours
      : undefined;
  });
  const warning = events.find(event => event.type === 'Warning');
  assert.equal(warning?.reason, 'ReconciliationFailed');
  assert.equal(warning?.metadata.annotations?.['kustomize.toolkit.fluxcd.io/revision'], `main@sha1:${sha}`);
  assert.equal(warning?.source.component, 'kustomize-controller');
  assert.match(
    events.find(event => event.reason === 'ReconciliationSucceeded')?.message ?? '',
    /^Reconciliation finished in \S+, next run in 10m0s$/,
  );
  assert.match(events.find(event => event.reason === 'Progressing')?.message ?? '', /ConfigMap\/history\/a created/);
});

test('what is suspended, annotated or ignored is left to others', async () => {
  const ns = 'left';
  const annotated = (name: string, key: string, value: string) =>
    configMap(name, { x: '1' }, { annotations: { [`kustomize.toolkit.fluxcd.io/${key}`]: value } });
  const repo = await open(ns, {
    'a.yaml': yaml(
      deployment('web', 'web:1', { replicas: 1 }),
      configMap('live', { x: '1' }),
      annotated('merge', 'ssa', 'Merge'),
      annotated('once', 'ssa', 'IfNotPresent'),
      annotated('never', 'ssa', 'Ignore'),
    ),
  });
  const ignore = [{ paths: ['/spec/replicas'], target: { kind: 'Deployment' } }];
  await world.apply(yaml(kustomization(ns, 'app', { ignore })));
  await ready(ns, 'app');
  assert.equal(await world.get('ConfigMap', ns, 'never'), undefined);
  const other = { fieldManager: 'kubectl-edit' };
  await cluster.patch(typeOf('Deployment'), ns, 'web', { type: 'merge', body: { spec: { replicas: 3 } } }, other);
  for (const name of ['merge', 'once'])
    await cluster.patch(configMaps, ns, name, { type: 'merge', body: { data: { x: '2', y: '2' } } }, other);
  const disabled = {
    metadata: { annotations: { 'kustomize.toolkit.fluxcd.io/reconcile': 'disabled' } },
    data: { x: '2' },
  };
  await cluster.patch(configMaps, ns, 'live', { type: 'merge', body: disabled }, other);
  await reconcile(ns, 'app');
  assert.equal((await world.get('Deployment', ns, 'web'))?.spec.replicas, 3, 'spec.ignore');
  assert.deepEqual((await world.get('ConfigMap', ns, 'merge'))?.data, { x: '1', y: '2' }, 'ssa: Merge');
  assert.deepEqual((await world.get('ConfigMap', ns, 'once'))?.data, { x: '2', y: '2' }, 'ssa: IfNotPresent');
  assert.deepEqual((await world.get('ConfigMap', ns, 'live'))?.data, { x: '2' }, 'reconcile: disabled');

  await cluster.patch(typeOf('Kustomization'), ns, 'app', { type: 'merge', body: { spec: { suspend: true } } });
  const sha = await commitFiles(repo, { 'a.yaml': yaml(configMap('a', {})) }, { message: 'Two', branch: 'main' });
  await until('the source has it', async () =>
    (await world.get('GitRepository', ns, 'app'))?.status.artifact.revision.endsWith(sha),
  );
  await reconcile(ns, 'app');
  assert.equal(await world.get('ConfigMap', ns, 'a'), undefined, 'suspended');
  await cluster.patch(typeOf('Kustomization'), ns, 'app', { type: 'merge', body: { spec: { suspend: false } } });
  await until('it is resumed', () => world.get('ConfigMap', ns, 'a'));
  await until('it is done', async () =>
    (await world.get('Kustomization', ns, 'app'))?.status.lastAppliedRevision.endsWith(sha),
  );
  assert.ok(await world.get('ConfigMap', ns, 'live'), 'reconcile: disabled is not pruned');
  assert.equal(await world.get('Deployment', ns, 'web'), undefined, 'what is no longer in the source is pruned');
});

test('a source of another namespace may be named', async () => {
  const ns = 'borrower';
  await open('lender', { 'a.yaml': yaml(configMap('a', { x: '1' })) });
  await world.namespace(ns);
  const sourceRef = { kind: 'GitRepository', name: 'app', namespace: 'lender' };
  await world.apply(yaml(kustomization(ns, 'app', { sourceRef })));
  await ready(ns, 'app');
  assert.ok(await world.get('ConfigMap', ns, 'a'));
});

test('kubectl wait sees source and Kustomization become ready', async () => {
  const ns = 'waiting';
  await open(ns, { 'a.yaml': yaml(configMap('a', {})) });
  await world.apply(yaml(kustomization(ns, 'app')));
  const wait = async (object: string) => {
    const args = ['--kubeconfig', world.target.kubeconfigFile, '-n', ns, 'wait', object];
    return (await promisify(execFile)(await kubectlPath(), [...args, '--for=condition=ready', '--timeout=1m'])).stdout;
  };
  assert.match(await wait('gitrepository/app'), /app condition met/);
  assert.match(await wait('kustomization/app'), /app condition met/);
  assert.ok(await world.get('ConfigMap', ns, 'a'));
});

test('a labelled ConfigMap or Secret wakes the Kustomizations that take variables from it', async () => {
  const ns = 'configs';
  await open(ns, { 'a.yaml': yaml(configMap('a', { x: '${x}', y: '${y}' })) });
  const labels = { 'reconcile.fluxcd.io/watch': 'Enabled' };
  const variables = (x: string) => ({ ...configMap('vars', { x }), metadata: { namespace: ns, name: 'vars', labels } });
  const hidden = (y: string) => {
    const plain = secret(ns, 'vars', { y });
    return { ...plain, metadata: { ...plain.metadata, labels } };
  };
  await world.apply(yaml(variables('one'), hidden('one')));
  const substituteFrom = ['ConfigMap', 'Secret'].map(kind => ({ kind, name: 'vars' }));
  await world.apply(yaml(kustomization(ns, 'app', { interval: '1h', postBuild: { substituteFrom } })));
  await ready(ns, 'app');
  await world.apply(yaml(variables('two')));
  await until('the ConfigMap is seen', async () => (await world.get('ConfigMap', ns, 'a'))?.data.x === 'two');
  await world.apply(yaml(hidden('two')));
  await until('the Secret is seen', async () => (await world.get('ConfigMap', ns, 'a'))?.data.y === 'two');
});
