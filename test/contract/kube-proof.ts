import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../shared/api/object.ts';
import { jsonEqual } from '../../shared/kube/deep-equal.ts';
import { normalized } from '../../shared/kube/normalize.ts';
import { appliedEntry, provablyUnchanged } from '../../shared/kube/unchanged.ts';
import { ApiError } from '../../shared/ports/cluster.ts';
import { configMap, deployment, type KubeTarget, owner, type Running, run, widgetDefinition } from './kube.ts';
import { until } from './kube-client.ts';

const manager = 'kustomize-controller';

/**
 * The local proof that an apply would change nothing, held against what the server does: for hundreds of manifests made
 * from a few by random changes, whenever the proof says "unchanged" the server's dry-run must change nothing at all.
 */
export function proofContract(target: KubeTarget): void {
  describe(`the proof that nothing changes, on ${target.name}`, { skip: target.skip }, () => {
    let server: Running;
    before(async () => {
      server = await run(target);
    });
    after(() => server?.stop());

    it('never says unchanged of what the server would change', async t => {
      const namespace = await server.namespace();
      const group = `${namespace}.example.com`;
      await server.client.create(widgetDefinition(group));
      const widget = {
        apiVersion: `${group}/v1`,
        kind: 'Widget',
        metadata: { name: 'w', namespace },
        spec: { size: 3 },
      };
      await until(() =>
        server.client.list(widget).then(
          () => true,
          () => {
            server.client.refreshDiscovery();
            return false;
          },
        ),
      );
      const random = generator(20_260_601);
      let proved = 0;
      let wrong = '';
      const seeds = [
        rich(namespace),
        service(namespace),
        configMap(namespace, 'a', { a: '1', b: '2', c: '' }),
        widget,
        autoscaler(namespace),
        role(namespace),
      ];
      for (const seed of seeds)
        for (let round = 0; round < 60 && !wrong; round++) {
          const applied = round % 3 === 0 ? seed : mutated(seed, random);
          const name = `${seed.metadata.name}-${round}`;
          const first = normalized({ ...applied, metadata: { ...seed.metadata, name } }, owner(namespace), true);
          const live = await accepted(server.client.apply(first, { fieldManager: manager, force: true }));
          if (!live) continue;
          const second = round % 2 === 0 ? first : normalized(mutated(first, random), owner(namespace), true);
          const verdict = provablyUnchanged(second, live, manager);
          const dryRun = await accepted(
            server.client.apply(second, { fieldManager: manager, force: true, dryRun: true }),
          );
          // A controller wrote between the two.
          if (!verdict || (dryRun && dryRun.metadata.resourceVersion !== live.metadata.resourceVersion)) continue;
          proved++;
          if (!dryRun || !same(live, dryRun)) wrong = JSON.stringify({ first, second, live, dryRun }, undefined, 1);
        }
      assert.equal(wrong, '', 'said unchanged, but the server would change it');
      t.diagnostic(`${proved} proved unchanged`);
      assert.ok(proved > 100, `only ${proved} proved unchanged: the proof says too little`);
    });
  });
}

function same(live: KubeObject, dryRun: KubeObject): boolean {
  const content = ({ metadata, status: _, ...rest }: KubeObject) => ({
    ...rest,
    labels: metadata.labels,
    annotations: metadata.annotations,
  });
  return (
    jsonEqual(content(live), content(dryRun)) &&
    jsonEqual(appliedEntry(live, manager)?.fieldsV1, appliedEntry(dryRun, manager)?.fieldsV1)
  );
}

async function accepted(apply: Promise<KubeObject>): Promise<KubeObject | undefined> {
  return apply.catch(error => {
    if (error instanceof ApiError && error.status < 500) return undefined;
    // Manifests that the server cannot even decode.
    if (error instanceof ApiError) return undefined;
    throw error;
  });
}

function rich(namespace: string): KubeObject {
  const object = deployment(namespace, 'web', 'nginx:1', {
    revisionHistoryLimit: 3,
    strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
  });
  object.metadata.annotations = { note: 'x', other: 'y' };
  const pod = object.spec.template.spec;
  pod.volumes = [
    { name: 'data', emptyDir: { sizeLimit: '1024Mi' } },
    { name: 'config', configMap: { name: 'c', items: [{ key: 'a', path: 'b' }] } },
  ];
  pod.tolerations = [{ key: 'a', operator: 'Exists' }];
  pod.hostNetwork = false;
  pod.securityContext = {};
  pod.imagePullSecrets = [{ name: 'one' }, { name: 'two' }];
  pod.containers[0].volumeMounts = [
    { name: 'data', mountPath: '/data' },
    { name: 'config', mountPath: '/config', readOnly: true },
  ];
  pod.containers[0].args = ['--a', '--b'];
  pod.containers[0].resources.limits = { cpu: '1000m', memory: '0.5Gi' };
  pod.containers.push({ name: 'side', image: 'side:1', command: ['x'] });
  return object;
}

function service(namespace: string): KubeObject {
  const ports = [
    { name: 'http', port: 80, targetPort: 'http' },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace },
    spec: { selector: { app: 'web' }, type: 'ClusterIP', ports },
  };
}

function autoscaler(namespace: string): KubeObject {
  const metrics = [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
  ];
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', namespace },
    spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 3, metrics },
  };
}

function role(namespace: string): KubeObject {
  const rules = [
    { apiGroups: [''], resources: ['pods', 'secrets'], verbs: ['get', 'list'] },
    { apiGroups: ['apps'], resources: ['*'], verbs: ['*'] },
  ];
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'r', namespace }, rules };
}

type Random = (below: number) => number;

/** The same numbers every time (a linear congruential generator). */
function generator(seed: number): Random {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A copy with one or two fields, anywhere below metadata's labels and annotations and the content, changed somehow. */
function mutated(object: KubeObject, random: Random): KubeObject {
  const copy = structuredClone(object);
  for (let changes = 1 + random(2); changes > 0; changes--) mutate(copy, random);
  return copy;
}

function mutate(object: KubeObject, random: Random): void {
  const places: { parent: Record<string, unknown>; key: string }[] = [];
  const walk = (parent: Record<string, unknown>) => {
    for (const key of Object.keys(parent)) {
      places.push({ parent, key });
      if (typeof parent[key] === 'object' && parent[key] !== null) walk(parent[key] as Record<string, unknown>);
    }
  };
  const { apiVersion: _, kind: __, metadata, ...content } = object;
  walk(content as Record<string, unknown>);
  for (const field of [metadata.labels, metadata.annotations]) if (field) walk(field);
  const { parent, key } = places[random(places.length)] ?? { parent: {}, key: '' };
  const value = parent[key];
  const kinds: (() => void)[] = [
    () => (Array.isArray(parent) ? parent.splice(Number(key), 1) : delete parent[key]),
    () => (parent[key] = otherScalar(value, random)),
    () => Array.isArray(value) && value.reverse(),
    () => Array.isArray(value) && value.length > 0 && value.push(structuredClone(value[random(value.length)])),
    () => (parent[key] = null),
    () =>
      (parent[key] = Array.isArray(value)
        ? []
        : typeof value === 'object'
          ? {}
          : typeof value === 'number'
            ? 0
            : typeof value === 'boolean'
              ? false
              : ''),
  ];
  kinds[random(kinds.length)]!();
}

function otherScalar(value: unknown, random: Random): unknown {
  if (typeof value === 'number') return value + random(2);
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string')
    return [value, `${value}x`, value.toUpperCase(), value.replace('1000m', '1').replace('0.5Gi', '512Mi')][random(4)];
  return value;
}
