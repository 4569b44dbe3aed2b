import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { configMap, definition, gitRepository, kustomization, yaml } from './manifests.ts';
import { conditionOf, startWorld, until } from './world.ts';

const world = await startWorld();
const { git } = world;
const ns = 'bad';
await world.namespace(ns);

const source = async (name: string, files: Record<string, string>, spec: Record<string, unknown> = {}) => {
  const repo = await createRepository(world.repositories, `${name}.git`, files, { branch: 'main' });
  await world.apply(yaml(gitRepository(ns, name, `${git.url}/${name}.git`, { interval: '1s', ...spec })));
  return repo;
};
const ks = (name: string, spec: Record<string, unknown> = {}) =>
  kustomization(ns, name, { sourceRef: { kind: 'GitRepository', name }, retryInterval: '1s', ...spec });

test('a source that cannot be fetched says why and what to do', async () => {
  await createRepository(world.repositories, 'empty.git', {}, { branch: 'main' });
  await createRepository(world.repositories, 'branch.git', { 'a.txt': '1' }, { branch: 'main' });
  const cases: [string, string, Record<string, unknown>, RegExp][] = [
    ['unreachable', 'http://127.0.0.1:1/x.git', {}, /127\.0\.0\.1:1|ECONNREFUSED|refused/],
    ['not-there', `${git.url}/absent.git`, {}, /not found|404/i],
    ['empty', `${git.url}/empty.git`, {}, /empty/i],
    ['no-branch', `${git.url}/branch.git`, { ref: { branch: 'absent' } }, /absent/],
    ['no-tag', `${git.url}/branch.git`, { ref: { tag: 'v9' } }, /v9/],
    ['no-match', `${git.url}/branch.git`, { ref: { semver: '>=9' } }, />=9/],
    ['bad-range', `${git.url}/branch.git`, { ref: { semver: 'not a range' } }, /not a range/],
    ['metadata', 'http://169.254.169.254/x.git', {}, /169\.254/],
  ];
  await world.apply(
    yaml(...cases.map(([name, url, spec]) => gitRepository(ns, name, url, { timeout: '20s', ...spec }))),
  );
  for (const [name, , , message] of cases) {
    const object = await world.condition('GitRepository', ns, name, 'Ready', 'False');
    assert.match(conditionOf(object, 'Ready')!.message, message, name);
    assert.equal(conditionOf(object, 'FetchFailed')?.status ?? conditionOf(object, 'Stalled')?.status, 'True', name);
    assert.equal(object.status.artifact, undefined, name);
  }
});

test('manifests that cannot be built or applied leave the last good state, and others are unaffected', async () => {
  await source('good', { 'a.yaml': yaml(configMap('good', { x: '1' })) });
  const files = { 'a.yaml': yaml(configMap('kept', { x: '1' })) };
  const invalid = yaml({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'svc' },
    spec: { ports: [{ port: 99999 }] },
  });
  const cases: [string, Record<string, string>, string, RegExp][] = [
    ['broken-yaml', { 'b.yaml': 'a: [1, 2\nb: {' }, 'BuildFailed', /b\.yaml/],
    ['no-kind', { 'b.yaml': 'a: 1\n' }, 'BuildFailed', /b\.yaml|kind/i],
    ['bad-kustomization', { 'kustomization.yaml': 'resources: [absent.yaml]\n' }, 'BuildFailed', /absent\.yaml/],
    ['refused', { 'b.yaml': invalid }, 'ReconciliationFailed', /Service\/bad\/refused-svc.*99999/s],
    [
      'unknown-kind',
      { 'b.yaml': yaml({ apiVersion: 'acme.example/v9', kind: 'Nope', metadata: { name: 'x' } }) },
      'ReconciliationFailed',
      /Nope/,
    ],
    ['outside', { 'kustomization.yaml': 'resources: [a.yaml, ../../../../etc]\n' }, 'BuildFailed', /etc/],
    [
      'remote',
      { 'kustomization.yaml': 'resources: [a.yaml, "https://example.com/x.yaml"]\n' },
      'BuildFailed',
      /example\.com/,
    ],
  ];
  const repos = await Promise.all(cases.map(([name]) => source(name, files)));
  await world.apply(yaml(ks('good'), ...cases.map(([name]) => ks(name, { namePrefix: `${name}-` }))));
  for (const [name] of cases) await world.condition('Kustomization', ns, name, 'Ready', 'True');
  await Promise.all(
    cases.map(([, broken], n) => commitFiles(repos[n]!, broken, { message: 'Break it', branch: 'main' })),
  );
  for (const [name, , reason, message] of cases) {
    const object = await world.condition('Kustomization', ns, name, 'Ready', 'False', reason);
    const text = conditionOf(object, 'Ready')!.message;
    assert.match(text, message, name);
    assert.doesNotMatch(text, /\/tmp\/|node_modules/, `${name}: no path of the machine`);
    assert.ok(await world.get('ConfigMap', ns, `${name}-kept`), `${name}: what was applied stays`);
    assert.equal(object.status.inventory.entries.length, 1, name);
  }
  assert.equal(conditionOf(await world.get('Kustomization', ns, 'good'), 'Ready')?.status, 'True');
  await commitFiles(repos[0]!, { 'b.yaml': yaml(configMap('mended', {})) }, { message: 'Mend it', branch: 'main' });
  await world.condition('Kustomization', ns, 'broken-yaml', 'Ready', 'True');
});

test('the inventory holds what was written before a refusal, and nothing that never was', async () => {
  const group = 'half.acme.example';
  const size = { type: 'object', properties: { size: { type: 'integer', minimum: 1 } } };
  const parts = definition(group, 'Part', { properties: { spec: size } });
  const part = (name: string, spec: object) => ({ apiVersion: `${group}/v1`, kind: 'Part', metadata: { name }, spec });
  const files = { 'all.yaml': yaml(parts, part('good', { size: 1 }), part('broken', { size: 0 })) };
  const repo = await source('half', files);
  await world.apply(yaml(ks('half')));
  const inventory = async () =>
    (await world.get('Kustomization', ns, 'half'))!.status.inventory.entries.map((entry: { id: string }) => entry.id);
  await world.condition('Kustomization', ns, 'half', 'Ready', 'False', 'ReconciliationFailed');
  const written = [`_parts.${group}_apiextensions.k8s.io_CustomResourceDefinition`];
  assert.deepEqual(await inventory(), written);
  await until('it was tried again', async () => {
    const [latest] = (await world.get('Kustomization', ns, 'half'))?.status.history ?? [];
    return latest?.totalReconciliations > 1;
  });
  assert.deepEqual(await inventory(), written);
  await commitFiles(repo, { 'all.yaml': undefined }, { message: 'Drop it', branch: 'main' });
  await world.condition('Kustomization', ns, 'half', 'Ready', 'True');
  assert.deepEqual(await inventory(), []);
});

test('a path outside the artifact is refused', async () => {
  await source('escape', { 'a.yaml': yaml(configMap('a', {})) });
  await world.apply(
    yaml(ks('escape', { path: '../../../etc' }), {
      ...ks('missing', { path: './absent' }),
      spec: { ...ks('escape').spec, path: './absent' },
    }),
  );
  for (const [name, expected] of [
    ['missing', /absent/],
    ['escape', /etc/],
  ] as const)
    await until(`${name} says which path is wrong`, async () =>
      expected.test(conditionOf(await world.get('Kustomization', ns, name), 'Ready')?.message ?? ''),
    );
});

test('an object that the API server would refuse never reaches the queue', async () => {
  await assert.rejects(world.apply(yaml(gitRepository(ns, 'odd', 'ftp://example.com/x'))), /spec\.url/);
  await assert.rejects(world.apply(yaml(kustomization(ns, 'odd', { interval: 'soon' }))), /spec\.interval/);
  await assert.rejects(
    world.apply(yaml(kustomization(ns, 'odd', { sourceRef: { kind: 'Nothing', name: 'x' } }))),
    /sourceRef\.kind/,
  );
});

test('a repository of 200 MB is fetched, and the others do not wait for it', async () => {
  const files: Record<string, string | Buffer> = {};
  for (let n = 0; n < 40; n++) files[`blob-${n}.bin`] = randomBytes(5_000_000);
  files['a.yaml'] = yaml(configMap('large', { x: '1' }));
  const repo = await createRepository(world.repositories, 'large.git');
  // Stored as it is: compressing what does not compress would be most of what this test does.
  for (const [key, value] of [
    ['core.bigFileThreshold', '64k'],
    ['pack.compression', '0'],
    ['core.compression', '0'],
  ] as const)
    execFileSync('git', ['-C', repo, 'config', key, value]);
  await commitFiles(repo, files, { message: 'Large', branch: 'main' });
  await world.apply(
    yaml(
      gitRepository(ns, 'large', `${git.url}/large.git`, { timeout: '3m' }),
      ks('large', { sourceRef: { kind: 'GitRepository', name: 'large' } }),
    ),
  );
  // As long as its own timeout allows, and then as a second try needs: other tests run beside it.
  const isReady = async () => conditionOf(await world.get('GitRepository', ns, 'large'), 'Ready')?.status === 'True';
  await until('it is fetched', isReady, 300);
  const large = await world.condition('GitRepository', ns, 'large', 'Ready', 'True');
  assert.ok(large.status.artifact.size > 180_000_000);
  await until('it is applied', async () => world.get('ConfigMap', ns, 'large'), 120);
});
