import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../shared/api/object.ts';
import { follow, type Sweep, sweep } from '../../shared/kube/watch.ts';
import { ApiError } from '../../shared/ports/cluster.ts';
import { configMap, configMaps, type KubeTarget, type Running, run, secrets, widgetDefinition } from './kube.ts';

/** What the client promises, on any API server. */
export function clientContract(target: KubeTarget): void {
  describe(`KubeClient on ${target.name}`, { skip: target.skip }, () => {
    let server: Running;
    before(async () => {
      server = await run(target);
    });
    after(() => server?.stop());

    it('creates, reads, patches and deletes', async () => {
      const { client } = server;
      const namespace = await server.namespace();
      const created = await client.create(configMap(namespace, 'a', { a: '1' }));
      assert.ok(created.metadata.uid);
      await assert.rejects(client.create(configMap(namespace, 'a', {})), apiError(409, 'AlreadyExists'));
      await client.patch(configMaps, namespace, 'a', { type: 'merge', body: { data: { b: '2' } } });
      await client.patch(configMaps, namespace, 'a', { type: 'json', body: [{ op: 'remove', path: '/data/a' }] });
      assert.deepEqual((await client.get(configMaps, namespace, 'a'))?.data, { b: '2' });
      await assert.rejects(
        client.patch(configMaps, namespace, 'absent', { type: 'merge', body: {} }),
        apiError(404, 'NotFound'),
      );
      await assert.rejects(client.delete(configMaps, namespace, 'a', { uid: 'another' }), apiError(409, 'Conflict'));
      assert.equal(await client.delete(configMaps, namespace, 'a', { dryRun: true }), true);
      assert.equal(await client.delete(configMaps, namespace, 'a', { propagation: 'Background' }), true);
      assert.equal(await client.delete(configMaps, namespace, 'a'), false);
      assert.equal(await client.get(configMaps, namespace, 'a'), undefined);
    });

    it('applies, tries without writing, and reports conflicts', async () => {
      const { client } = server;
      const namespace = await server.namespace();
      const tried = await client.apply(configMap(namespace, 'a', { a: '1' }), { fieldManager: 'one', dryRun: true });
      assert.equal(tried.metadata.resourceVersion, undefined);
      assert.equal(await client.get(configMaps, namespace, 'a'), undefined);
      await client.apply(configMap(namespace, 'a', { a: '1' }), { fieldManager: 'one' });
      const conflict = client.apply(configMap(namespace, 'a', { a: '2' }), { fieldManager: 'two' });
      await assert.rejects(conflict, apiError(409, 'Conflict'));
      const taken = await client.apply(configMap(namespace, 'a', { a: '2' }), { fieldManager: 'two', force: true });
      assert.equal(taken.data.a, '2');
    });

    it('knows the status subresource', async () => {
      const { client } = server;
      const namespace = await server.namespace();
      const pod: KubeObject = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p', namespace },
        spec: {
          containers: [{ name: 'c', image: 'i' }],
          serviceAccountName: 'none',
          automountServiceAccountToken: false,
        },
      };
      const claim: KubeObject = {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: pod.metadata.name, namespace },
        spec: { minAvailable: 1, selector: { matchLabels: { a: 'b' } } },
      };
      await client.create(claim);
      const condition = {
        type: 'Tested',
        status: 'True',
        reason: 'Test',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      };
      const status = {
        apiVersion: claim.apiVersion,
        kind: claim.kind,
        metadata: claim.metadata,
        status: { conditions: [condition] },
      };
      const applied = await client.apply(status, { fieldManager: 'tester', subresource: 'status', force: true });
      assert.ok(applied.status?.conditions.some((c: { type: string }) => c.type === 'Tested'));
    });

    it('lists by pages and by label, whole or metadata only', async () => {
      const { client } = server;
      const namespace = await server.namespace();
      await Promise.all(
        Array.from({ length: 520 }, (_, i) =>
          client.create(configMap(namespace, `c${i}`, { i: `${i}` }, { labels: { odd: `${i % 2}` } })),
        ),
      );
      const before = client.stats.snapshot().byVerb.list ?? 0;
      const all = await client.list(configMaps, { namespace, labelSelector: 'odd' });
      assert.equal(all.items.length, 520);
      assert.equal((client.stats.snapshot().byVerb.list ?? 0) - before, 2);
      assert.ok(all.items.every(item => item.kind === 'ConfigMap' && item.apiVersion === 'v1' && item.data));
      assert.match(all.resourceVersion, /^\d+$/);
      const odd = await client.list(configMaps, { namespace, labelSelector: 'odd=1', metadataOnly: true });
      assert.equal(odd.items.length, 260);
      assert.ok(odd.items.every(item => item.data === undefined && item.metadata.uid));
      const one = await client.list(configMaps, { namespace, fieldSelector: 'metadata.name=c7' });
      assert.deepEqual(
        one.items.map(item => item.metadata.name),
        ['c7'],
      );
    });

    it('finds out about kinds it does not know', async () => {
      const { client } = server;
      const type = { apiVersion: 'discovered.example.com/v1', kind: 'Widget' };
      assert.equal(await client.namespaced(type), undefined);
      assert.equal(await client.get(type, 'default', 'x'), undefined);
      await assert.rejects(client.list(type), apiError(404, 'NotFound'));
      await client.create(widgetDefinition('discovered.example.com'));
      await until(async () => {
        client.refreshDiscovery();
        return (await client.namespaced(type)) === true;
      });
      assert.equal(
        await client.namespaced({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' }),
        false,
      );
      await until(() =>
        client.list(type).then(
          list => list.items.length === 0,
          () => false,
        ),
      );
      assert.deepEqual(await client.servedVersions('discovered.example.com', 'Widget'), ['v1']);
    });

    it('acts as another user', async () => {
      const { client } = server;
      const namespace = await server.namespace();
      const tenant = client.as(`system:serviceaccount:${namespace}:tenant`);
      await assert.rejects(tenant.list(configMaps, { namespace }), apiError(403, 'Forbidden'));
      const rbac = 'rbac.authorization.k8s.io';
      await client.create({
        apiVersion: `${rbac}/v1`,
        kind: 'Role',
        metadata: { name: 'r', namespace },
        rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }],
      } as KubeObject);
      await client.create({
        apiVersion: `${rbac}/v1`,
        kind: 'RoleBinding',
        metadata: { name: 'r', namespace },
        roleRef: { apiGroup: rbac, kind: 'Role', name: 'r' },
        subjects: [{ kind: 'ServiceAccount', name: 'tenant', namespace }],
      } as KubeObject);
      await until(() =>
        tenant.list(configMaps, { namespace }).then(
          () => true,
          () => false,
        ),
      );
      await assert.rejects(tenant.list(configMaps), apiError(403, 'Forbidden'));
    });

    it('watches from a version on, with large objects', async () => {
      const { client } = server;
      const namespace = await server.namespace();
      const { resourceVersion } = await client.list(configMaps, { namespace });
      const large = 'ü'.repeat(450_000);
      await client.create(configMap(namespace, 'a', { large }));
      await client.patch(configMaps, namespace, 'a', { type: 'merge', body: { data: { b: '2' } } });
      await client.delete(configMaps, namespace, 'a');
      const stop = new AbortController();
      const seen: string[] = [];
      for await (const event of client.watch(configMaps, { namespace, resourceVersion, signal: stop.signal })) {
        if (event.type === 'BOOKMARK' || event.object.metadata.name !== 'a') continue;
        seen.push(`${event.type} ${event.object.data.large === large}`);
        if (event.type === 'DELETED') stop.abort();
      }
      assert.deepEqual(seen, ['ADDED true', 'MODIFIED true', 'DELETED true']);
    });

    it('sweeps what a label selects, without its contents', async () => {
      const { client } = server;
      const namespace = await server.namespace();
      const labels = { swept: namespace };
      const selection = { labelSelector: `swept=${namespace}`, metadataOnly: true };
      const secret = (name: string, metadata: object) => ({ ...secrets, metadata: { name, namespace, ...metadata } });
      await client.create({ ...secret('a', { labels }), stringData: { password: 'hunter2' } });
      const first = await sweep(client, secrets, undefined, selection);
      await client.create({ ...secret('b', { labels }), stringData: { password: 'hunter2' } });
      await client.create(secret('c', {}));
      const second = await sweptUntil('ADDED b', client, secrets, first.cursor, selection);
      assert.deepEqual(
        [first, second].map(swept => swept.events.map(({ type, object }) => `${type} ${object.metadata.name}`)),
        [['ADDED a'], ['ADDED b']],
      );
      assert.ok([...first.events, ...second.events].every(({ object }) => !('data' in object)));
    });

    it('sweeps changes since the last time', async () => {
      const { client } = server;
      const namespace = await server.namespace();
      await client.create(configMap(namespace, 'a', {}));
      const first = await sweep(client, configMaps, undefined);
      assert.equal(first.relisted, true);
      assert.ok(first.events.some(event => event.type === 'ADDED' && event.object.metadata.namespace === namespace));
      await client.patch(configMaps, namespace, 'a', { type: 'merge', body: { data: { x: '1' } } });
      const second = await sweptUntil('MODIFIED a', client, configMaps, first.cursor);
      assert.equal(second.relisted, false);
      assert.deepEqual(ofNamespace(second, namespace), ['MODIFIED a']);
      const third = await sweep(client, configMaps, second.cursor);
      assert.deepEqual(ofNamespace(third, namespace), []);
    });

    it('follows changes as they come', async () => {
      const { client } = server;
      const namespace = await server.namespace();
      const stop = new AbortController();
      const seen: string[] = [];
      for await (const batch of follow(client, configMaps, undefined, stop.signal)) {
        if (batch.relisted) await client.create(configMap(namespace, 'a', {}));
        seen.push(...ofNamespace(batch, namespace).filter(event => event.endsWith(' a')));
        if (seen.length === 1) await client.delete(configMaps, namespace, 'a');
        if (seen.length === 2) stop.abort();
      }
      assert.deepEqual(seen, ['ADDED a', 'DELETED a']);
    });
  });
}

/** Sweeps until there was an event: a busy server may say nothing for so long that a sweep takes that for the end. */
async function sweptUntil(
  wanted: string,
  ...[client, type, cursor, options]: Parameters<typeof sweep>
): Promise<Sweep> {
  const all: Sweep = { events: [], cursor: cursor!, relisted: false };
  while (!all.events.some(({ type, object }) => `${type} ${object.metadata.name}` === wanted)) {
    const next = await sweep(client, type, all.cursor, options);
    all.events.push(...next.events);
    all.cursor = next.cursor;
    all.relisted ||= next.relisted;
  }
  return all;
}

function ofNamespace(batch: Sweep, namespace: string): string[] {
  return batch.events
    .filter(event => event.object.metadata.namespace === namespace && event.object.metadata.name !== 'kube-root-ca.crt')
    .map(event => `${event.type} ${event.object.metadata.name}`);
}

function apiError(status: number, reason: string): (error: unknown) => boolean {
  return error => {
    assert.ok(error instanceof ApiError, `expected an ApiError, got ${error}`);
    assert.deepEqual([error.status, error.reason], [status, reason], error.message);
    return true;
  };
}

/** Polls a condition; the test's own time limit ends it. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 50));
}
