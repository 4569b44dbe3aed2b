import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../shared/api/object.ts';
import { ApplyError } from '../../shared/kube/apply-error.ts';
import {
  applyingTo,
  configMap,
  configMaps,
  deployment,
  deployments,
  type KubeTarget,
  secrets,
  widgetDefinition,
} from './kube.ts';

const group = 'kustomize.toolkit.fluxcd.io';

/** What applySet promises, on any API server. */
export function applyContract(target: KubeTarget): void {
  describe(`applySet on ${target.name}`, { skip: target.skip }, () => {
    const open = applyingTo(target);

    it('creates what is absent, with owner labels, and leaves it alone afterwards without a dry-run', async () => {
      const { namespace, applier, client } = await open();
      const objects = [
        deployment(namespace, 'web', 'nginx:1'),
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'web', namespace },
          spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
        },
        configMap(namespace, 'a', { key: 'value' }),
        { ...secrets, metadata: { name: 's', namespace }, stringData: { password: 'hunter2' } },
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'web', namespace } },
      ];
      assert.deepEqual(await applier.apply(objects), [
        `ServiceAccount/${namespace}/web created`,
        `ConfigMap/${namespace}/a created`,
        `Secret/${namespace}/s created`,
        `Service/${namespace}/web created`,
        `Deployment/${namespace}/web created`,
      ]);
      const secret = await client.get(secrets, namespace, 's');
      assert.equal(Buffer.from(secret?.data.password, 'base64').toString(), 'hunter2');
      assert.deepEqual(secret?.metadata.labels, { [`${group}/name`]: 'app', [`${group}/namespace`]: namespace });
      assert.deepEqual(
        applier.inventory.map(entry => `${entry.id} ${entry.v}`),
        [
          `${namespace}_web__ServiceAccount v1`,
          `${namespace}_a__ConfigMap v1`,
          `${namespace}_s__Secret v1`,
          `${namespace}_web__Service v1`,
          `${namespace}_web_apps_Deployment v1`,
        ],
      );
      const second = await applier.apply(objects);
      assert.ok(
        second.every(change => change.endsWith(' unchanged')),
        second.join('\n'),
      );
      assert.deepEqual(applier.calls, { get: 5 });
    });

    it('writes a single change with a single write, and words its refusal as a validation', async () => {
      const { namespace, applier } = await open();
      const set = (image: string) => [deployment(namespace, 'web', image), configMap(namespace, 'a', { a: '1' })];
      await applier.apply(set('nginx:1'));
      assert.deepEqual(await applier.apply(set('nginx:2')), [
        `ConfigMap/${namespace}/a unchanged`,
        `Deployment/${namespace}/web configured`,
      ]);
      assert.deepEqual(applier.calls, { get: 2, apply: 1 });
      const broken = set('nginx:2');
      broken[0]!.spec.replicas = -1;
      assert.match((await refused(applier.apply(broken))).message, /^Deployment\/.*\/web dry-run failed \(Invalid\): /);
    });

    it('reads a kind of many objects by one list', async () => {
      const { namespace, applier } = await open();
      const objects = Array.from({ length: 40 }, (_, i) => configMap(namespace, `c${i}`, { i: `${i}` }));
      await applier.apply(objects);
      await applier.apply(objects);
      assert.deepEqual(applier.calls, { list: 1 });
      objects[7]!.data = { i: 'other' };
      const changes = await applier.apply(objects);
      assert.deepEqual(
        changes.filter(change => !change.endsWith('unchanged')),
        [`ConfigMap/${namespace}/c7 configured`],
      );
      const calls: Record<string, number> = { ...applier.calls };
      assert.equal(calls.list, 1);
      assert.ok(calls.apply === 1 && (calls.dryRun ?? 0) <= 1, JSON.stringify(calls));
    });

    it('knows how the server writes quantities, zero values and defaults', async () => {
      const { namespace, applier } = await open();
      const web = deployment(namespace, 'web', 'nginx:1');
      web.spec.template.spec.hostNetwork = false;
      web.spec.template.spec.nodeSelector = null;
      web.spec.template.spec.volumes = [{ name: 'v', emptyDir: { sizeLimit: '2048Mi' } }];
      web.spec.template.spec.containers[0].env.push({ name: 'EMPTY', value: '' });
      web.spec.template.spec.containers[0].resources = {
        requests: { cpu: '1000m', memory: '1024Mi', 'ephemeral-storage': '0.5Gi' },
        limits: { cpu: 2, memory: '1500M' },
      };
      const policy = {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'p', namespace, annotations: {} },
        spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ ports: [{ port: 80 }] }] },
      };
      await applier.apply([web, configMap(namespace, 'empty', {}), policy]);
      const changes = await applier.apply([web, configMap(namespace, 'empty', {}), policy]);
      assert.ok(
        changes.every(change => change.endsWith(' unchanged')),
        changes.join(),
      );
      assert.deepEqual(applier.calls, { get: 3 });
    });

    it('asks the server where it cannot know, and finds the objects unchanged', async () => {
      const { namespace, applier, client } = await open();
      const odd = (name: string) => {
        const object = deployment(namespace, name, 'nginx:1');
        object.spec.template.spec.containers[0].resources = { requests: { cpu: '1e-1' } };
        return object;
      };
      await applier.apply([odd('a'), odd('b')]);
      const unchanged = ['a', 'b'].map(name => `Deployment/${namespace}/${name} unchanged`);
      assert.deepEqual(await applier.apply([odd('a'), odd('b')]), unchanged);
      assert.equal(applier.calls.apply, undefined);
      const before = (await client.get(deployments, namespace, 'a'))?.metadata.generation;
      assert.deepEqual(await applier.apply([odd('a')]), unchanged.slice(0, 1));
      assert.equal((await client.get(deployments, namespace, 'a'))?.metadata.generation, before);
    });

    it('removes a field that the manifest no longer has, and keeps those of other managers', async () => {
      const { namespace, applier, client } = await open();
      await applier.apply([configMap(namespace, 'a', { one: '1', two: '2' })]);
      await client.patch(
        configMaps,
        namespace,
        'a',
        { type: 'merge', body: { data: { theirs: 'x' } } },
        { fieldManager: 'some-operator' },
      );
      assert.deepEqual(await applier.apply([configMap(namespace, 'a', { one: '1' })]), [
        `ConfigMap/${namespace}/a configured`,
      ]);
      assert.deepEqual((await client.get(configMaps, namespace, 'a'))?.data, { one: '1', theirs: 'x' });
    });

    it('writes nothing when any object is refused', async () => {
      const { namespace, applier, client } = await open();
      const broken = deployment(namespace, 'web', 'nginx:1');
      broken.spec.selector.matchLabels = { app: 'other' };
      const error = await refused(applier.apply([configMap(namespace, 'a', { a: '1' }), broken]));
      assert.match(
        error.message,
        new RegExp(`^Deployment/${namespace}/web dry-run failed \\(Invalid\\): Deployment.apps "web" is invalid`),
      );
      assert.deepEqual(error.changes, []);
      assert.equal(await client.get(configMaps, namespace, 'a'), undefined);
    });

    it('leaves out fields that a built-in kind does not have, and says so', async () => {
      const { namespace, applier, client } = await open();
      const typo = deployment(namespace, 'web', 'nginx:1');
      typo.spec.replcas = 3;
      typo.spec.template.spec.containers[0].resources.request = { cpu: '1' };
      const left = ['.spec.replcas', '.spec.template.spec.containers[name="main"].resources.request'];
      for (const set of [[typo], [typo, configMap(namespace, 'a', {})]]) {
        await applier.apply(set);
        assert.deepEqual(
          applier.warnings.sort(),
          left.map(path => `Deployment/${namespace}/web: field ${path} is unknown to the API server and was left out`),
        );
      }
      assert.ok(await client.get(deployments, namespace, 'web'));
      assert.ok(
        (await applier.apply([typo, configMap(namespace, 'a', {})])).every(change => change.endsWith(' unchanged')),
      );
    });

    it('names what is missing: a kind, a namespace', async () => {
      const { namespace, applier } = await open();
      const unknown = { apiVersion: 'nowhere.example.com/v1', kind: 'Thing', metadata: { name: 't', namespace } };
      assert.equal(
        (await refused(applier.apply([unknown]))).message,
        `Thing/${namespace}/t dry-run failed: no matches for kind "Thing" in version "nowhere.example.com/v1"`,
      );
      const homeless = { ...configMaps, metadata: { name: 'a' }, data: {} };
      assert.match((await refused(applier.apply([homeless]))).message, /^ConfigMap\/a namespace not specified: /);
      assert.match(
        (await refused(applier.apply([configMap('absent', 'a', {})]))).message,
        /^ConfigMap\/absent\/a not found: namespaces "absent" not found/,
      );
    });

    it('brings namespaces and kinds before what lives in them', async () => {
      const { namespace, applier, client } = await open();
      const inside = `${namespace}-inner`;
      const definition = widgetDefinition(`${namespace}.example.com`);
      const widget = {
        apiVersion: `${namespace}.example.com/v1`,
        kind: 'Widget',
        metadata: { name: 'w', namespace: inside },
        spec: { size: 2 },
      };
      const objects = [
        widget,
        configMap(inside, 'a', {}),
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: inside } },
        definition,
      ];
      assert.deepEqual(await applier.apply(objects), [
        `CustomResourceDefinition/widgets.${namespace}.example.com created`,
        `Namespace/${inside} created`,
        `ConfigMap/${inside}/a created`,
        `Widget/${inside}/w created`,
      ]);
      assert.equal((await client.get(widget, inside, 'w'))?.spec.color, 'red');
      assert.ok((await applier.apply(objects)).every(change => change.endsWith(' unchanged')));
      assert.equal(applier.calls.dryRun, undefined);
    });

    it('says what a failed apply wrote', async () => {
      const { namespace, applier } = await open();
      const group = `${namespace}.example.com`;
      const bad = { apiVersion: `${group}/v1`, kind: 'Widget', metadata: { name: 'w', namespace }, spec: { size: 0 } };
      const error = await refused(applier.apply([widgetDefinition(group), bad]));
      assert.match(error.message, /Widget.*dry-run failed \(Invalid\).*spec.size/);
      assert.deepEqual(
        error.changes.map(change => `${change.kind} ${change.action}`),
        ['CustomResourceDefinition created'],
      );
    });

    it('recreates for an immutable field only when told to', async () => {
      const { namespace, applier, client } = await open();
      await applier.apply([deployment(namespace, 'web', 'nginx:1')]);
      const before = await client.get(deployments, namespace, 'web');
      const moved = deployment(namespace, 'web', 'nginx:1');
      moved.spec.selector.matchLabels = { app: 'moved' };
      moved.spec.template.metadata.labels = { app: 'moved' };
      const error = await refused(applier.apply([moved]));
      assert.match(
        error.message,
        /dry-run failed \(Invalid\): .*field is immutable; .*kustomize.toolkit.fluxcd.io\/force: enabled/s,
      );
      moved.metadata.annotations = { [`${group}/force`]: 'Enabled' };
      assert.deepEqual(await applier.apply([moved]), [`Deployment/${namespace}/web created`]);
      assert.notEqual((await client.get(deployments, namespace, 'web'))?.metadata.uid, before?.metadata.uid);
    });

    it('deletes nothing for the sake of an object that cannot be created', async () => {
      const { namespace, applier, client } = await open();
      await applier.apply([deployment(namespace, 'web', 'nginx:1')]);
      const before = await client.get(deployments, namespace, 'web');
      const invalid = deployment(namespace, 'web', 'nginx:1');
      invalid.spec.template.metadata.labels = { app: 'mismatch' };
      assert.match((await refused(applier.apply([invalid], { force: true }))).message, /dry-run failed \(Invalid\)/);
      assert.equal((await client.get(deployments, namespace, 'web'))?.metadata.uid, before?.metadata.uid);
    });

    it('ignores a namespace given to a cluster-scoped object', async () => {
      const { namespace, applier } = await open();
      const role: KubeObject = {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name: `sluice:${namespace}`, namespace },
        rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
      };
      assert.deepEqual(await applier.apply([role]), [`ClusterRole/sluice:${namespace} created`]);
      assert.deepEqual(applier.inventory, [
        { id: `_sluice__${namespace}_rbac.authorization.k8s.io_ClusterRole`, v: 'v1' },
      ]);
      assert.deepEqual(await applier.apply([role]), [`ClusterRole/sluice:${namespace} unchanged`]);
    });
  });
}

async function refused(apply: Promise<unknown>): Promise<ApplyError> {
  const error = await apply.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ApplyError, `expected an ApplyError, got ${error}`);
  return error;
}
