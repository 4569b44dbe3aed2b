import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { KubeObject, ManagedFieldsEntry } from '../api/object.ts';
import { ApiError } from '../ports/cluster.ts';
import { maskSecret, ObjectRefused } from './apply-error.ts';
import { compileDriftRules, withIgnoredFields } from './drift-rules.ts';
import { diffInventory, inventoryOf, mergeInventory, parseInventoryId, refOfEntry } from './inventory.ts';
import { Limiter, settleAll } from './limiter.ts';
import { cleanupPatch, kubectlManagers, unionFields } from './managed-fields.ts';
import { normalized } from './normalize.ts';
import { canonicalQuantity } from './quantity.ts';
import { parseSelector } from './selector.ts';
import { compareRefs, stageOf } from './stages.ts';
import { jsonLines } from './watch-stream.ts';

const owner = { group: 'kustomize.toolkit.fluxcd.io', name: 'app', namespace: 'flux-system' };
const object = (kind: string, fields: object = {}, apiVersion = 'v1'): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'x', namespace: 'n' },
  ...fields,
});

describe('inventory', () => {
  it('writes and reads ids, with the colons of RBAC names', () => {
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'system:a:b' } };
    const entries = inventoryOf([role, object('Deployment', {}, 'apps/v1'), object('ConfigMap')]);
    assert.deepEqual(entries, [
      { id: '_system__a__b_rbac.authorization.k8s.io_ClusterRole', v: 'v1' },
      { id: 'n_x_apps_Deployment', v: 'v1' },
      { id: 'n_x__ConfigMap', v: 'v1' },
    ]);
    assert.deepEqual(entries.map(refOfEntry), [
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: 'system:a:b' },
      { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'n', name: 'x' },
      { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'n', name: 'x' },
    ]);
  });
  for (const bad of ['', 'abc', 'n_x', 'n_x_apps', 'n__apps_Kind', 'n_a_b_apps_Kind', 'n_x_apps_'])
    it(`refuses "${bad}"`, () => assert.throws(() => parseInventoryId(bad), /unable to parse stored object metadata/));
  it('tells what is gone, whatever its version, and loses nothing when merged', () => {
    const [a1, a2, b] = [
      { id: 'a', v: 'v1' },
      { id: 'a', v: 'v2' },
      { id: 'b', v: 'v1' },
    ];
    assert.deepEqual(diffInventory([a1, b], [a2]), [b]);
    assert.deepEqual(mergeInventory([a2], [a1, b]), [a2, b]);
  });
});

describe('stages', () => {
  it('puts definitions before classes before the rest', () => {
    assert.equal(stageOf(object('CustomResourceDefinition', {}, 'apiextensions.k8s.io/v1')), 'definitions');
    assert.equal(stageOf(object('Namespace')), 'definitions');
    assert.equal(stageOf(object('ClusterRole', {}, 'rbac.authorization.k8s.io/v1')), 'definitions');
    assert.equal(stageOf(object('StorageClass', {}, 'storage.k8s.io/v1')), 'classes');
    assert.equal(stageOf(object('GatewayClass', {}, 'gateway.networking.k8s.io/v1')), 'classes');
    assert.equal(stageOf(object('Namespace', {}, 'example.com/v1')), 'rest');
    assert.equal(stageOf(object('Foo', {}, 'example.com/v1'), new Set(['example.com/Foo'])), 'custom');
  });
  it('sorts kinds, then names', () => {
    const refs = [
      'ValidatingWebhookConfiguration/a',
      'Zoo/a',
      'Deployment/b',
      'Deployment/a',
      'Service/z',
      'Namespace/q',
      'Ant/a',
    ].map(text => {
      const [kind, name] = text.split('/') as [string, string];
      return { apiVersion: 'v1', kind, name };
    });
    assert.equal(
      refs
        .sort(compareRefs)
        .map(ref => `${ref.kind}/${ref.name}`)
        .join(' '),
      'Namespace/q Service/z Deployment/a Deployment/b Ant/a Zoo/a ValidatingWebhookConfiguration/a',
    );
  });
});

describe('managed fields', () => {
  const entry = (
    manager: string,
    operation: 'Apply' | 'Update',
    fieldsV1: object,
    subresource?: string,
  ): ManagedFieldsEntry => ({
    manager,
    operation,
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1: fieldsV1 as Record<string, unknown>,
    ...(subresource ? { subresource } : {}),
  });
  const live = (...managedFields: ManagedFieldsEntry[]): KubeObject => ({
    ...object('ConfigMap'),
    metadata: { name: 'x', resourceVersion: '7', managedFields },
  });
  const foreign = kubectlManagers('kustomize-controller');

  it('keeps a field owned itself when another owns what is below it', () => {
    assert.deepEqual(unionFields({ 'f:a': {}, 'f:b': { 'f:c': {} } }, { 'f:a': { 'f:x': {} }, 'f:b': { 'f:d': {} } }), {
      'f:a': { '.': {}, 'f:x': {} },
      'f:b': { 'f:c': {}, 'f:d': {} },
    });
    assert.deepEqual(unionFields({ 'k:{"a":1}': { '.': {}, 'f:a': {} } }, { 'k:{"a":1}': { 'f:b': {} } }), {
      'k:{"a":1}': { '.': {}, 'f:a': {}, 'f:b': {} },
    });
  });
  it('joins what kubectl owns to what is ours, and leaves status and others alone', () => {
    const status = entry('kubectl-edit', 'Update', { 'f:status': {} }, 'status');
    const other = entry('operator', 'Update', { 'f:z': {} });
    const patch = cleanupPatch(
      live(
        entry('kustomize-controller', 'Apply', { 'f:a': {} }),
        other,
        status,
        entry('kubectl-edit', 'Update', { 'f:b': {} }),
        entry('before-first-apply', 'Update', { 'f:c': {} }),
      ),
      'kustomize-controller',
      foreign,
    );
    assert.deepEqual(patch, [
      {
        op: 'replace',
        path: '/metadata/managedFields',
        value: [other, status, entry('kustomize-controller', 'Apply', { 'f:a': {}, 'f:b': {}, 'f:c': {} })],
      },
      { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
    ]);
  });
  it('renames the first when none is ours, and does nothing when there is nothing to undo', () => {
    const [taken] = cleanupPatch(live(entry('kubectl', 'Apply', { 'f:a': {} })), 'kustomize-controller', foreign);
    assert.deepEqual(taken?.value, [entry('kustomize-controller', 'Apply', { 'f:a': {} })]);
    assert.deepEqual(
      cleanupPatch(
        live(entry('kustomize-controller', 'Apply', {}), entry('operator', 'Update', {})),
        'kustomize-controller',
        foreign,
      ),
      [],
    );
  });
  it('removes kubectl’s annotation', () => {
    const annotated = live();
    annotated.metadata.annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    assert.equal(
      cleanupPatch(annotated, 'm', foreign)[0]?.path,
      '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration',
    );
  });
});

describe('normalized', () => {
  it('labels, strips what the server sets, and leaves the argument alone', () => {
    const input = object('ConfigMap', { status: {} });
    Object.assign(input.metadata, { creationTimestamp: null, uid: 'u', resourceVersion: '1', annotations: {} });
    const before = structuredClone(input);
    assert.deepEqual(normalized(input, owner, true).metadata, {
      name: 'x',
      namespace: 'n',
      labels: { [`${owner.group}/name`]: 'app', [`${owner.group}/namespace`]: 'flux-system' },
    });
    assert.equal(normalized(input, owner, true).status, undefined);
    assert.equal(normalized(input, owner, false).metadata.namespace, undefined);
    assert.deepEqual(input, before);
  });
  it('moves stringData into data, unless it is no text', () => {
    const secret = normalized(
      object('Secret', { data: { a: 'YQ==\n', b: 'eA==' }, stringData: { b: 'ü' } }),
      owner,
      true,
    );
    assert.deepEqual(
      [secret.data, secret.stringData],
      [{ a: 'YQ==', b: Buffer.from('ü').toString('base64') }, undefined],
    );
    assert.deepEqual(normalized(object('Secret', { stringData: { port: 1 } }), owner, true).stringData, { port: 1 });
  });
  it('drops null from built-in kinds only', () => {
    assert.deepEqual(
      normalized(object('Deployment', { spec: { a: null, b: [{ c: null }] } }, 'apps/v1'), owner, true).spec,
      { b: [{}] },
    );
    assert.deepEqual(normalized(object('Thing', { spec: { a: null } }, 'example.com/v1'), owner, true).spec, {
      a: null,
    });
  });
  it('drops a certificate authority that is none', () => {
    const definition = { spec: { conversion: { webhook: { clientConfig: { caBundle: 'Cg==', url: 'u' } } } } };
    const result = normalized(object('CustomResourceDefinition', definition, 'apiextensions.k8s.io/v1'), owner, false);
    assert.deepEqual(result.spec.conversion.webhook.clientConfig, { url: 'u' });
  });
});

describe('canonicalQuantity', () => {
  const table: [string, string | undefined][] = [
    ['1000m', '1'],
    ['1', '1'],
    ['0.5', '500m'],
    ['1.5', '1500m'],
    ['100000', '100k'],
    ['1500', '1500'],
    ['1024Mi', '1Gi'],
    ['0.5Gi', '512Mi'],
    ['1.5Gi', '1536Mi'],
    ['1500M', '1500M'],
    ['2000M', '2G'],
    ['0', '0'],
    ['0Gi', '0'],
    ['-1000m', '-1'],
    ['1e3', undefined],
    ['', undefined],
    ['abc', undefined],
    ['.5', '500m'],
    ['100m', '100m'],
    ['1Ki', '1Ki'],
    ['512Ki', '512Ki'],
    ['1048576Ki', '1Gi'],
    ['0.1Ki', undefined],
  ];
  for (const [text, expected] of table)
    it(`writes "${text}" as ${expected}`, () => assert.equal(canonicalQuantity(text), expected));
});

describe('parseSelector', () => {
  const labels = { app: 'web', tier: 'front', n: '5' };
  const table: [string, boolean][] = [
    ['app=web', true],
    ['app==web,tier=front', true],
    ['app!=web', false],
    ['x!=y', true],
    ['app', true],
    ['!app', false],
    ['!x', true],
    ['app in (api, web)', true],
    ['app in (api),tier=front', false],
    ['app notin (api)', true],
    ['x notin (a)', true],
    ['x in (a)', false],
    ['n>4', true],
    ['n<4', false],
    ['example.com/a=b', false],
    ['', true],
  ];
  for (const [text, expected] of table)
    it(`"${text}" is ${expected}`, () => assert.equal(parseSelector(text)(labels), expected));
  for (const bad of ['=', 'a=b,,c', 'a in b', 'a b'])
    it(`refuses "${bad}"`, () => assert.throws(() => parseSelector(bad), /invalid selector/));
});

describe('drift rules', () => {
  const web = object('Deployment', { spec: { replicas: 2, image: 'a' } }, 'apps/v1');
  it('apply to what their target matches', () => {
    const ignored = compileDriftRules([
      { paths: ['/a'] },
      { paths: ['/b'], target: { kind: 'Deploy.*', group: 'apps' } },
      { paths: ['/c'], target: { kind: 'Deploy' } },
      { paths: ['/d'], target: { labelSelector: 'x=y' } },
    ]);
    assert.deepEqual(ignored(web), ['/a', '/b']);
  });
  it('are refused by name when they cannot work', () => {
    assert.throws(
      () => compileDriftRules([{ paths: ['spec'] }]),
      /spec\.ignore\[0\]\.paths: "spec" is not a JSON pointer/,
    );
    assert.throws(
      () => compileDriftRules([{ paths: ['/a'], target: { name: '(' } }]),
      /spec\.ignore\[0\]\.target\.name: invalid name regex/,
    );
    assert.throws(
      () => compileDriftRules([{ paths: ['/a'], target: { labelSelector: 'a b' } }]),
      /target\.labelSelector: invalid selector/,
    );
  });
  it('keep the cluster’s value, or give the field up to who applies it', () => {
    const live = structuredClone(web);
    live.spec.replicas = 5;
    assert.deepEqual(withIgnoredFields(web, live, web, ['/spec/replicas'], 'm').spec, { replicas: 5, image: 'a' });
    live.metadata.managedFields = [
      {
        manager: 'scaler',
        operation: 'Apply',
        apiVersion: 'apps/v1',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
      },
    ];
    assert.deepEqual(withIgnoredFields(web, live, web, ['/spec/replicas'], 'm').spec, { image: 'a' });
  });
});

describe('errors of objects', () => {
  it('hide the values of a Secret, in both writings', () => {
    const secret = object('Secret', { data: { a: Buffer.from('hunter2').toString('base64') } });
    assert.equal(maskSecret(secret, 'bad value "hunter2" (aHVudGVyMg==)'), 'bad value "***" (***)');
    assert.equal(maskSecret(object('ConfigMap', { data: { a: 'x' } }), 'x'), 'x');
  });
  it('name the reason, also of a conflict between managers', () => {
    const conflict = new ApiError(409, 'Conflict', 'Apply failed', { causes: [{ reason: 'FieldManagerConflict' }] });
    assert.equal(
      new ObjectRefused(object('ConfigMap'), 'dry-run', conflict).message,
      'ConfigMap/n/x dry-run failed (FieldManagerConflict): Apply failed',
    );
    assert.equal(
      new ObjectRefused(object('ConfigMap'), 'apply', new ApiError(403, 'Forbidden', 'no')).message,
      'ConfigMap/n/x apply failed: no',
    );
  });
});

describe('jsonLines', () => {
  const collect = async (chunks: Buffer[]) => {
    const found: unknown[] = [];
    for await (const value of jsonLines(Readable.from(chunks))) found.push(value);
    return found;
  };
  const text = Buffer.from(`{"a":"ü€😀"}\n\n{"b":[1,2]}\n`);
  it('survives chunks that end anywhere', async () => {
    for (let cut = 0; cut <= text.length; cut++)
      assert.deepEqual(
        await collect([text.subarray(0, cut), text.subarray(cut)]),
        [{ a: 'ü€😀' }, { b: [1, 2] }],
        `cut at ${cut}`,
      );
    assert.equal((await collect([...text].map(byte => Buffer.from([byte])))).length, 2);
  });
  it('takes no half line for an event', async () =>
    assert.deepEqual(await collect([Buffer.from('{"a":1}\n{"b":1}')]), [{ a: 1 }]));
  it('reads an event of many megabytes in small chunks', async () => {
    const line = Buffer.from(`${JSON.stringify({ large: 'x'.repeat(8_000_000) })}\n`);
    const chunks = Array.from({ length: Math.ceil(line.length / 16_384) }, (_, i) =>
      line.subarray(i * 16_384, (i + 1) * 16_384),
    );
    assert.equal(((await collect(chunks))[0] as { large: string }).large.length, 8_000_000);
  });
});

describe('limiter', () => {
  it('frees its place when the work fails, and waits for all', async () => {
    const limiter = new Limiter(1);
    await assert.rejects(
      limiter.run(() => Promise.reject(new Error('no'))),
      /no/,
    );
    assert.equal(await limiter.run(async () => 1), 1);
    const done: number[] = [];
    const results = await settleAll([1, 2, 3], 2, async n => {
      if (n === 1) throw new Error('first');
      await new Promise(setImmediate);
      done.push(n);
    });
    assert.deepEqual(
      [results.map(result => result.status), done],
      [
        ['rejected', 'fulfilled', 'fulfilled'],
        [2, 3],
      ],
    );
  });
});
