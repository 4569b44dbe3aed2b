import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../api/object.ts';
import { ApiError } from '../ports/cluster.ts';
import { type Reader, SharedReads } from './shared-reads.ts';

const type = { apiVersion: 'v1', kind: 'ConfigMap' };
const owner = (value: string) => ({ key: 'kustomize.toolkit.fluxcd.io/name', value });

/** Answers from `objects` as they are when the read is answered; every read waits for its turn when `held`. */
function recorder(objects: Map<string, KubeObject>, options: { mayList?: boolean } = {}) {
  const calls: string[] = [];
  const held: (() => void)[] = [];
  const state = { hold: false };
  const turn = () => (state.hold ? new Promise<void>(resolve => held.push(resolve)) : Promise.resolve());
  const reader: Reader = {
    async get(_, namespace, name) {
      calls.push(`get ${name}`);
      await turn();
      return objects.get(`${namespace}/${name}`);
    },
    async list(_, { labelSelector, namespace }) {
      calls.push(`list ${labelSelector}`);
      await turn();
      if (options.mayList === false) throw new ApiError(403, 'Forbidden', 'no');
      const values = /\((.*)\)/.exec(labelSelector ?? '')![1]!.split(',');
      const items = [...objects.values()].filter(
        ({ metadata }) =>
          metadata.namespace === namespace &&
          values.includes(metadata.labels?.['kustomize.toolkit.fluxcd.io/name'] ?? ''),
      );
      return { items, resourceVersion: '1' };
    },
  };
  const release = () => {
    state.hold = false;
    for (const go of held.splice(0)) go();
  };
  return { reader, calls, release, hold: () => (state.hold = true) };
}

function configMap(name: string, app: string | undefined): [string, KubeObject] {
  const labels: Record<string, string> = app ? { 'kustomize.toolkit.fluxcd.io/name': app } : {};
  return [`apps/${name}`, { ...type, metadata: { namespace: 'apps', name, labels } }];
}

const names = ['a', 'b', 'c', 'd', 'e'];
const all = () => new Map(names.map(name => configMap(name, name)));

test('what is asked for while a read is under way is answered by one list that begins after it', async () => {
  const objects = all();
  const { reader, calls, hold, release } = recorder(objects);
  const reads = new SharedReads(Date.now);
  const get = (name: string) => reads.get(reader, undefined, { type, namespace: 'apps', name, label: owner(name) });
  hold();
  const answers = names.map(get);
  assert.deepEqual(calls, ['get a']);
  objects.set(...configMap('e', 'e'));
  objects.get('apps/e')!.data = { new: 'yes' };
  release();
  const found = await Promise.all(answers);
  assert.deepEqual(calls, ['get a', 'list kustomize.toolkit.fluxcd.io/name in (b,c,d,e)']);
  assert.deepEqual(
    found.map(object => object?.metadata.name),
    names,
  );
  assert.deepEqual(found[4]?.data, { new: 'yes' });
});

test('what the list does not show is read by its name: without the label, or absent', async () => {
  const objects = all();
  objects.set(...configMap('d', undefined));
  objects.delete('apps/e');
  const { reader, calls, hold, release } = recorder(objects);
  const reads = new SharedReads(Date.now);
  hold();
  const answers = names.map(name =>
    reads.get(reader, undefined, { type, namespace: 'apps', name, label: owner(name) }),
  );
  release();
  const found = await Promise.all(answers);
  assert.equal(found[3]?.metadata.name, 'd');
  assert.equal(found[4], undefined);
  assert.deepEqual(calls.slice(2), ['get d', 'get e']);
});

test('reads of different users, kinds and namespaces are never answered together', async () => {
  const { reader, calls, hold, release } = recorder(all());
  const reads = new SharedReads(Date.now);
  hold();
  const answers = names.map(name =>
    reads.get(reader, `system:serviceaccount:${name}:deployer`, {
      type,
      namespace: 'apps',
      name,
      label: owner(name),
    }),
  );
  answers.push(reads.get(reader, 'a', { type: { ...type, kind: 'Secret' }, namespace: 'apps', name: 'a' }));
  answers.push(reads.get(reader, 'a', { type, namespace: 'other', name: 'a' }));
  assert.equal(calls.length, 7);
  release();
  await Promise.all(answers);
});

test('who may not list is served by single reads, and not asked to list again at once', async () => {
  const { reader, calls, hold, release } = recorder(all(), { mayList: false });
  let now = 0;
  const reads = new SharedReads(() => now);
  const round = async () => {
    hold();
    const answers = names.map(name => reads.get(reader, 'u', { type, namespace: 'apps', name, label: owner(name) }));
    release();
    assert.ok((await Promise.all(answers)).every(object => object));
    return calls.splice(0).filter(call => call.startsWith('list')).length;
  };
  assert.equal(await round(), 1);
  assert.equal(await round(), 0);
  now = 61_000;
  assert.equal(await round(), 1);
});

test('the same object is read once for all who ask meanwhile', async () => {
  const { reader, calls, hold, release } = recorder(all());
  const reads = new SharedReads(Date.now);
  hold();
  const answers = Array.from({ length: 9 }, () => reads.get(reader, undefined, { type, namespace: 'apps', name: 'a' }));
  release();
  await Promise.all(answers);
  assert.deepEqual(calls, ['get a', 'get a']);
});

test('a read that hangs does not hold up the others', async () => {
  const { reader, calls, hold, release } = recorder(all());
  const reads = new SharedReads(Date.now);
  hold();
  const hanging = reads.get(reader, undefined, { type, namespace: 'apps', name: 'a', label: owner('a') });
  const second = reads.get(reader, undefined, { type, namespace: 'apps', name: 'b', label: owner('b') });
  while (calls.length < 2) await new Promise(resolve => setTimeout(resolve, 5));
  assert.deepEqual(calls, ['get a', 'get b']);
  release();
  await Promise.all([hanging, second]);
});

test('a failure reaches those it concerns, and the next read is made anew', async () => {
  const { reader } = recorder(all());
  const reads = new SharedReads(Date.now);
  let broken = true;
  const failing: Reader = {
    ...reader,
    get: (...read) => (broken ? Promise.reject(new ApiError(500, 'InternalError', 'broken')) : reader.get(...read)),
  };
  const read = { type, namespace: 'apps', name: 'a' };
  await assert.rejects(reads.get(failing, undefined, read), /broken/);
  broken = false;
  assert.equal((await reads.get(failing, undefined, read))?.metadata.name, 'a');
});
