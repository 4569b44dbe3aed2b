import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRepository } from '../../shared/local/git-server.ts';
import { alert, configMap, gitRepository, kustomization, provider, secret, yaml } from './manifests.ts';
import { startWorld, until } from './world.ts';

const world = await startWorld();
const { git, sinks } = world;

const of = (path: string) => sinks.received.filter(message => message.path.endsWith(`/${path}`));

test('each provider gets what its service accepts', async () => {
  const ns = 'providers';
  await world.namespace(ns);
  await createRepository(
    world.repositories,
    'providers.git',
    { 'a.yaml': yaml(configMap('a', {})) },
    { branch: 'main' },
  );
  const kinds = ['slack', 'msteams', 'discord', 'rocket', 'generic'] as const;
  await world.apply(
    yaml(
      secret(ns, 'address', { address: sinks.url('generic', 'from-secret'), headers: 'X-Tenant: blue\n' }),
      ...kinds.map(kind =>
        provider(ns, kind, {
          type: kind,
          address: sinks.url(kind, `each-${kind}`),
          channel: 'ops',
          username: 'sluice',
        }),
      ),
      provider(ns, 'secret', { type: 'generic', secretRef: { name: 'address' } }),
      ...[...kinds, 'secret'].map(kind =>
        alert(ns, kind, { providerRef: { name: kind }, eventMetadata: { env: 'test' } }),
      ),
      gitRepository(ns, 'app', `${git.url}/providers.git`),
      kustomization(ns, 'app'),
    ),
  );
  // Discord takes Slack's messages below its own address.
  const path = (kind: string) => (kind === 'discord' ? 'each-discord/slack' : `each-${kind}`);
  for (const kind of kinds) await until(`${kind} is told`, () => of(path(kind)).length > 0);
  await until('the address of the secret is told', () => of('from-secret').length > 0);
  assert.deepEqual(
    sinks.received.filter(message => message.refused),
    [],
  );
  const generic = of('each-generic')[0]!;
  assert.equal(generic.body.metadata.env, 'test');
  assert.match(generic.body.metadata.revision, /^main@sha1:[0-9a-f]{40}$/);
  assert.equal(generic.headers['gotk-component'], generic.body.reportingController);
  assert.equal(of('from-secret')[0]!.headers['x-tenant'], 'blue');
});

test('severity, inclusion, exclusion, names, labels and suspension choose the events', async () => {
  const ns = 'filters';
  await world.namespace(ns);
  await createRepository(world.repositories, 'filters.git', { 'a.yaml': yaml(configMap('a', {})) }, { branch: 'main' });
  const to = (name: string, spec: Record<string, unknown>) => [
    provider(ns, name, { type: 'generic', address: sinks.url('generic', `filter-${name}`) }),
    alert(ns, name, { providerRef: { name }, ...spec }),
  ];
  const bad = kustomization(ns, 'bad', { path: './absent' });
  await world.apply(
    yaml(
      ...to('everything', {}),
      ...to('errors', { eventSeverity: 'error' }),
      ...to('included', { inclusionList: ['.*stored artifact.*'] }),
      ...to('excluded', { exclusionList: ['(?i)STORED ARTIFACT', 'ConfigMap/.*'] }),
      ...to('named', { eventSources: [{ kind: 'Kustomization', name: 'good' }] }),
      ...to('labelled', { eventSources: [{ kind: 'Kustomization', name: '*', matchLabels: { team: 'blue' } }] }),
      ...to('suspended', { suspend: true }),
    ),
  );
  await world.apply(
    yaml(gitRepository(ns, 'app', `${git.url}/filters.git`), kustomization(ns, 'good'), {
      ...bad,
      metadata: { ...bad.metadata, labels: { team: 'blue' } },
    }),
  );
  await world.condition('Kustomization', ns, 'good', 'Ready', 'True');
  await world.condition('Kustomization', ns, 'bad', 'Ready', 'False');
  const names = (filter: string) =>
    new Set(of(`filter-${filter}`).map(m => `${m.body.involvedObject.kind}/${m.body.involvedObject.name}`));
  await until('all is told', () => names('everything').size === 3);
  await until('errors are told', () => names('errors').size > 0);
  await until('the named one is told', () => names('named').size > 0);
  await until('the labelled one is told', () => names('labelled').size > 0);
  await until('what is included is told', () => names('included').size > 0);
  await until('what is not excluded is told', () => names('excluded').size > 0);
  assert.deepEqual([...names('errors')], ['Kustomization/bad']);
  assert.deepEqual([...names('named')], ['Kustomization/good']);
  assert.deepEqual([...names('labelled')], ['Kustomization/bad']);
  assert.deepEqual([...names('included')], ['GitRepository/app']);
  assert.ok(!names('excluded').has('GitRepository/app'));
  assert.equal(names('suspended').size, 0);
});

test('a service that is away is tried again, and told once', async () => {
  const ns = 'retry';
  await world.namespace(ns);
  await createRepository(world.repositories, 'retry.git', { 'a.txt': '1' }, { branch: 'main' });
  sinks.failNext('slack', [503, 429]);
  await world.apply(
    yaml(
      provider(ns, 'chat', { type: 'slack', address: sinks.url('slack', 'retried') }),
      alert(ns, 'all'),
      gitRepository(ns, 'app', `${git.url}/retry.git`),
    ),
  );
  await until('it is told in the end', () => of('retried').length > 0);
  assert.equal(of('retried').length, 1);
});
