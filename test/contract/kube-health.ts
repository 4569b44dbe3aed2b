import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { changeText } from '../../shared/kube/change.ts';
import { checkHealth, summarizeHealth } from '../../shared/kube/health.ts';
import { diffInventory } from '../../shared/kube/inventory.ts';
import { refOf } from '../../shared/kube/object-id.ts';
import { ownerSelector } from '../../shared/kube/policy.ts';
import { prune } from '../../shared/kube/prune.ts';
import {
  Applier,
  configMap,
  configMaps,
  deployment,
  type KubeTarget,
  owner,
  type Running,
  run,
  widgetDefinition,
} from './kube.ts';
import { until } from './kube-client.ts';

const group = 'kustomize.toolkit.fluxcd.io';

/** What prune and checkHealth promise, on any API server. */
export function healthContract(target: KubeTarget): void {
  describe(`prune and health on ${target.name}`, { skip: target.skip }, () => {
    let server: Running;
    before(async () => {
      server = await run(target);
    });
    after(() => server?.stop());

    it('deletes what is no longer wanted, definitions last', async () => {
      const namespace = await server.namespace();
      const applier = new Applier(server.client, namespace);
      const widgets = `${namespace}.example.com`;
      const widget = {
        apiVersion: `${widgets}/v1`,
        kind: 'Widget',
        metadata: { name: 'w', namespace },
        spec: { size: 1 },
      };
      await applier.apply([
        configMap(namespace, 'keep', {}),
        configMap(namespace, 'drop', {}),
        widgetDefinition(widgets),
        widget,
      ]);
      const old = applier.inventory;
      await applier.apply([configMap(namespace, 'keep', {})]);
      const result = await prune(server.client, diffInventory(old, applier.inventory), { owner: owner(namespace) });
      assert.deepEqual(result.changes.map(changeText), [
        `Widget/${namespace}/w deleted`,
        `ConfigMap/${namespace}/drop deleted`,
        `CustomResourceDefinition/widgets.${widgets} deleted`,
      ]);
      assert.deepEqual([result.kept, result.error], [[], undefined]);
      assert.equal(await server.client.get(configMaps, namespace, 'drop'), undefined);
      assert.ok(await server.client.get(configMaps, namespace, 'keep'));
    });

    it('finds objects whose version is no longer served', async () => {
      const namespace = await server.namespace();
      const { client } = server;
      const applier = new Applier(client, namespace);
      const group = `${namespace}.example.com`;
      const definition = widgetDefinition(group);
      const [v1] = definition.spec.versions;
      definition.spec.versions = [{ ...v1, name: 'v1alpha1', storage: false }, v1];
      const widget = {
        apiVersion: `${group}/v1alpha1`,
        kind: 'Widget',
        metadata: { name: 'w', namespace },
        spec: { size: 1 },
      };
      await applier.apply([definition, widget]);
      const entries = applier.inventory.filter(entry => entry.id.endsWith('_Widget'));
      assert.deepEqual(
        entries.map(entry => entry.v),
        ['v1alpha1'],
      );
      definition.spec.versions = [v1];
      await applier.apply([definition]);
      await until(async () => {
        client.refreshDiscovery();
        return (await client.servedVersions(group, 'Widget')).join() === 'v1';
      });
      const result = await prune(client, entries, { owner: owner(namespace) });
      assert.deepEqual(result.changes.map(changeText), [`Widget/${namespace}/w deleted`]);
      assert.equal(await client.get({ apiVersion: `${group}/v1`, kind: 'Widget' }, namespace, 'w'), undefined);
    });

    it('spares what opts out, what another owner claims, and counts the absent as deleted', async () => {
      const namespace = await server.namespace();
      const { client } = server;
      const applier = new Applier(client, namespace);
      const annotated = (name: string, key: string, value: string) =>
        configMap(namespace, name, {}, { annotations: { [`${group}/${key}`]: value } });
      await applier.apply([
        annotated('a-prune', 'prune', 'Disabled'),
        configMap(namespace, 'b-ssa', {}),
        configMap(namespace, 'c-other', {}),
        configMap(namespace, 'd-gone', {}),
        configMap(namespace, 'e-mine', {}),
      ]);
      await client.patch(configMaps, namespace, 'b-ssa', {
        type: 'merge',
        body: { metadata: { annotations: { [`${group}/ssa`]: 'Ignore' } } },
      });
      await client.patch(configMaps, namespace, 'c-other', {
        type: 'merge',
        body: { metadata: { labels: { [`${group}/name`]: 'other' } } },
      });
      await client.delete(configMaps, namespace, 'd-gone');
      const result = await prune(client, applier.inventory, { owner: owner(namespace) });
      assert.deepEqual(result.changes.map(changeText), [
        `ConfigMap/${namespace}/e-mine deleted`,
        `ConfigMap/${namespace}/d-gone deleted`,
        `ConfigMap/${namespace}/c-other skipped`,
        `ConfigMap/${namespace}/b-ssa skipped`,
        `ConfigMap/${namespace}/a-prune skipped`,
      ]);
      assert.deepEqual(
        (await client.list(configMaps, { namespace })).items
          .map(item => item.metadata.name)
          .filter(name => name !== 'kube-root-ca.crt'),
        ['a-prune', 'b-ssa', 'c-other'],
      );
    });

    it('keeps the entries of what may not be deleted', async () => {
      const namespace = await server.namespace();
      const applier = new Applier(server.client, namespace);
      await applier.apply([configMap(namespace, 'a', {}), configMap(namespace, 'b', {})]);
      const tenant = server.client.as('nobody-in-particular');
      const result = await prune(tenant, applier.inventory, { owner: owner(namespace) });
      assert.deepEqual(result.kept.map(entry => entry.id).sort(), [
        `${namespace}_a__ConfigMap`,
        `${namespace}_b__ConfigMap`,
      ]);
      assert.match(result.error?.message ?? '', /^delete failed, errors: ConfigMap\/.*\/b .*forbidden/);
      assert.deepEqual(
        result.changes.map(change => change.action),
        ['unknown', 'unknown'],
      );
      assert.ok(await server.client.get(configMaps, namespace, 'a'));
    });

    it('reads health in one call per kind, and words failures as Flux does', async () => {
      const namespace = await server.namespace();
      const { client } = server;
      const applier = new Applier(client, namespace);
      const objects = [...'abcde'].map(name => configMap(namespace, name, {}));
      const web = deployment(namespace, 'web', 'nginx:1');
      // Never gets ready: on the sandbox it would be before it is looked at.
      web.spec.template.metadata.annotations = { 'sandbox.sluice.dev/fail': 'image-pull' };
      await applier.apply([...objects, web]);
      const before = client.stats.snapshot().byVerb;
      const refs = [...objects, web, configMap(namespace, 'absent', {})].map(refOf);
      const results = await checkHealth(client, refs, { labelSelector: ownerSelector(owner(namespace)) });
      const after = client.stats.snapshot().byVerb;
      assert.deepEqual(
        results.map(result => result.status),
        [...Array(5).fill('Current'), 'InProgress', 'NotFound'],
      );
      assert.equal((after.list ?? 0) - (before.list ?? 0), 1);
      assert.equal((after.get ?? 0) - (before.get ?? 0), 2);
      assert.deepEqual(summarizeHealth(results, { timedOut: true }), {
        state: 'failed',
        message: `timeout waiting for: [Deployment/${namespace}/web status: 'InProgress', ConfigMap/${namespace}/absent status: 'NotFound']`,
      });
      assert.equal(summarizeHealth(results, { timedOut: false }).state, 'waiting');
    });

    it('sees a Job that is suspended, and what has failed', async () => {
      const namespace = await server.namespace();
      const { client } = server;
      const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };
      const suspended = {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'suspended', namespace },
        spec: { suspend: true, template },
      };
      await client.create(suspended);
      const group = `${namespace}.example.com`;
      await new Applier(client, namespace).apply([widgetDefinition(group)]);
      const stalled = {
        type: 'Stalled',
        status: 'True',
        reason: 'Test',
        message: 'nothing goes',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      };
      const widget = {
        apiVersion: `${group}/v1`,
        kind: 'Widget',
        metadata: { name: 'w', namespace },
        spec: { size: 1 },
        status: { conditions: [stalled] },
      };
      await client.create(widget);
      const results = await checkHealth(client, [refOf(suspended), refOf(widget)]);
      assert.deepEqual(
        results.map(result => `${result.status}: ${result.message}`),
        ['Current: Job is suspended', 'Failed: nothing goes'],
      );
      assert.equal(
        summarizeHealth(results, { timedOut: false }).message,
        `failed early due to stalled resources: [Widget/${namespace}/w status: 'Failed']`,
      );
    });
  });
}
