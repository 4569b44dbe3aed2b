import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyingTo, configMap, configMaps, deployment, deployments, type KubeTarget } from './kube.ts';

const group = 'kustomize.toolkit.fluxcd.io';

/** What applySet promises where others write the same objects: kubectl, controllers, people, another owner. */
export function managersContract(target: KubeTarget): void {
  describe(`applySet beside other managers on ${target.name}`, { skip: target.skip }, () => {
    const open = applyingTo(target);

    it('undoes what kubectl edited, added and applied', async () => {
      const { namespace, applier, client } = await open();
      await applier.apply([configMap(namespace, 'a', { a: '1' })]);
      await client.patch(
        configMaps,
        namespace,
        'a',
        { type: 'merge', body: { data: { added: 'x', a: '2' } } },
        { fieldManager: 'kubectl-edit' },
      );
      await client.apply(configMap(namespace, 'a', { applied: 'y' }), { fieldManager: 'kubectl', force: true });
      const lastApplied = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
      await client.patch(
        configMaps,
        namespace,
        'a',
        { type: 'merge', body: { metadata: { annotations: lastApplied } } },
        { fieldManager: 'kubectl-client-side-apply' },
      );
      assert.deepEqual(await applier.apply([configMap(namespace, 'a', { a: '1' })]), [
        `ConfigMap/${namespace}/a configured`,
      ]);
      const live = await client.get(configMaps, namespace, 'a');
      assert.deepEqual(live?.data, { a: '1' });
      assert.equal(live?.metadata.annotations, undefined);
      assert.deepEqual(
        live?.metadata.managedFields?.map(entry => entry.manager),
        ['kustomize-controller'],
      );
      assert.deepEqual(await applier.apply([configMap(namespace, 'a', { a: '1' })]), [
        `ConfigMap/${namespace}/a unchanged`,
      ]);
    });

    it('keeps what kubectl added when the policy is Merge', async () => {
      const { namespace, applier, client } = await open();
      const merged = configMap(namespace, 'a', { a: '1' }, { annotations: { [`${group}/ssa`]: 'Merge' } });
      await applier.apply([merged]);
      await client.patch(
        configMaps,
        namespace,
        'a',
        { type: 'merge', body: { data: { added: 'x', a: '2' } } },
        { fieldManager: 'kubectl-edit' },
      );
      assert.deepEqual(await applier.apply([merged]), [`ConfigMap/${namespace}/a configured`]);
      assert.deepEqual((await client.get(configMaps, namespace, 'a'))?.data, { a: '1', added: 'x' });
    });

    it('adopts what exists without its labels', async () => {
      const { namespace, applier, client } = await open();
      const names = ['a', 'b', 'c', 'd'];
      for (const name of names)
        await client.create(configMap(namespace, name, { a: '1' }), { fieldManager: 'kubectl-create' });
      const changes = await applier.apply(names.map(name => configMap(namespace, name, { a: '1' })));
      assert.deepEqual(
        changes,
        names.map(name => `ConfigMap/${namespace}/${name} configured`),
      );
      const live = await client.get(configMaps, namespace, 'a');
      assert.deepEqual(
        live?.metadata.managedFields?.map(entry => entry.manager),
        ['kustomize-controller'],
      );
    });

    it('skips by annotation, in the manifest or in the cluster', async () => {
      const { namespace, applier, client } = await open();
      const annotated = (name: string, annotation: string, value: string) =>
        configMap(namespace, name, { a: '1' }, { annotations: { [`${group}/${annotation}`]: value } });
      const set = [
        annotated('disabled', 'reconcile', 'disabled'),
        annotated('ignore', 'ssa', 'Ignore'),
        annotated('once', 'ssa', 'IfNotPresent'),
        configMap(namespace, 'live', { a: '1' }),
      ];
      assert.deepEqual(await applier.apply(set), [
        `ConfigMap/${namespace}/disabled skipped`,
        `ConfigMap/${namespace}/ignore skipped`,
        `ConfigMap/${namespace}/live created`,
        `ConfigMap/${namespace}/once created`,
      ]);
      assert.equal(await client.get(configMaps, namespace, 'ignore'), undefined);
      for (const name of ['once', 'live'])
        await client.patch(configMaps, namespace, name, { type: 'merge', body: { data: { a: 'changed' } } });
      await client.patch(configMaps, namespace, 'live', {
        type: 'merge',
        body: { metadata: { annotations: { [`${group}/reconcile`]: 'disabled' } } },
      });
      assert.ok((await applier.apply(set)).every(change => change.endsWith(' skipped')));
      assert.equal((await client.get(configMaps, namespace, 'live'))?.data.a, 'changed');
    });

    it('applies once what is wanted only when absent, even when it was created by someone else', async () => {
      const { namespace, applier, client } = await open();
      const once = (name: string) =>
        configMap(namespace, name, { a: '1' }, { annotations: { [`${group}/ssa`]: 'IfNotPresent' } });
      await client.create(configMap(namespace, 'a', { a: 'theirs' }));
      const changes = await applier.apply([once('a'), once('b'), once('c'), once('d')]);
      assert.deepEqual(
        changes.map(change => change.split(' ')[1]),
        ['skipped', 'created', 'created', 'created'],
      );
      assert.equal((await client.get(configMaps, namespace, 'a'))?.data.a, 'theirs');
    });

    it('leaves ignored fields to others', async () => {
      const { namespace, applier, client } = await open();
      const ignore = [{ paths: ['/spec/replicas'], target: { kind: 'Deployment' } }];
      await applier.apply([deployment(namespace, 'web', 'nginx:1')], { ignore });
      await client.patch(
        deployments,
        namespace,
        'web',
        { type: 'merge', body: { spec: { replicas: 5 } } },
        { fieldManager: 'autoscaler' },
      );
      assert.deepEqual(await applier.apply([deployment(namespace, 'web', 'nginx:1')], { ignore }), [
        `Deployment/${namespace}/web unchanged`,
      ]);
      assert.deepEqual(await applier.apply([deployment(namespace, 'web', 'nginx:2')], { ignore }), [
        `Deployment/${namespace}/web configured`,
      ]);
      const live = await client.get(deployments, namespace, 'web');
      assert.equal(live?.spec.replicas, 5);
      assert.equal(live?.spec.template.spec.containers[0].image, 'nginx:2');
      assert.deepEqual(await applier.apply([deployment(namespace, 'web', 'nginx:2')]), [
        `Deployment/${namespace}/web configured`,
      ]);
      assert.equal((await client.get(deployments, namespace, 'web'))?.spec.replicas, 1);
    });

    it('takes fields back from other managers', async () => {
      const { namespace, applier, client } = await open();
      await applier.apply([configMap(namespace, 'a', { a: '1' })]);
      await client.apply(configMap(namespace, 'a', { a: 'theirs' }), { fieldManager: 'other-controller', force: true });
      assert.deepEqual(await applier.apply([configMap(namespace, 'a', { a: '1' })]), [
        `ConfigMap/${namespace}/a configured`,
      ]);
      assert.equal((await client.get(configMaps, namespace, 'a'))?.data.a, '1');
    });
  });
}
