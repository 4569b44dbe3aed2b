import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Condition, KubeObject } from '../../api/object.ts';
import { GarbageCollector } from '../control/garbage.ts';
import { NamespaceController } from '../control/namespaces.ts';
import type { Kernel } from '../crud/kernel.ts';
import { Registry } from '../resources/registry.ts';
import { seed } from '../seed.ts';
import type { SimulationApi } from '../simulation-api.ts';
import { simulationApi } from '../simulation-bridge.ts';
import { Database } from '../store/database.ts';
import { Store } from '../store/store.ts';
import { failAnnotation, startSimulation } from './index.ts';

const user = { manager: 'test' };
const namespace = 'default';
const types = {
  Deployment: { apiVersion: 'apps/v1', kind: 'Deployment' },
  ReplicaSet: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  StatefulSet: { apiVersion: 'apps/v1', kind: 'StatefulSet' },
  DaemonSet: { apiVersion: 'apps/v1', kind: 'DaemonSet' },
  Job: { apiVersion: 'batch/v1', kind: 'Job' },
  Pod: { apiVersion: 'v1', kind: 'Pod' },
  Service: { apiVersion: 'v1', kind: 'Service' },
  Endpoints: { apiVersion: 'v1', kind: 'Endpoints' },
  EndpointSlice: { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
  PersistentVolumeClaim: { apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
  Ingress: { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' },
  HorizontalPodAutoscaler: { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' },
};
type Kind = keyof typeof types;

describe('simulation', () => {
  let dir: string;
  let api: SimulationApi;
  const stops: (() => void)[] = [];
  /** How far the clock is put forward. */
  let ahead = 0;

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-simulation-'));
    const database = new Database(dir);
    const now = () => new Date(Date.now() + ahead);
    const kernel: Kernel = { store: new Store(database), registry: new Registry(), now, log: () => undefined };
    seed(kernel);
    const namespaces = new NamespaceController(kernel);
    namespaces.ensureServiceAccount(namespace);
    const garbage = new GarbageCollector(kernel);
    api = simulationApi(kernel);
    const simulation = startSimulation(api);
    stops.push(
      () => simulation.stop(),
      () => garbage.stop(),
      () => namespaces.stop(),
      () => database.close(),
    );
  });
  after(() => {
    for (const stop of stops) stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const create = (kind: Kind, name: string, spec: object, annotations: Record<string, string> = {}) =>
    api.create({ ...types[kind], metadata: { name, namespace, annotations }, spec }, user);
  const get = (kind: Kind, name: string) => api.get(types[kind], namespace, name);
  const pods = (app: string) => api.list(types.Pod, { namespace, labels: { app } });
  const change = (kind: Kind, name: string, edit: (object: KubeObject) => void) => {
    const object = structuredClone(get(kind, name)!);
    delete object.metadata.resourceVersion;
    edit(object);
    return api.update(object, user);
  };
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    const end = Date.now() + 60_000;
    while (!holds()) {
      assert.ok(Date.now() < end, `waited for ${what}`);
      await delay(5);
    }
  };
  const condition = (object: KubeObject | undefined, type: string): Condition | undefined =>
    (object?.status?.conditions as Condition[] | undefined)?.find(one => one.type === type);
  const reason = (kind: Kind, name: string, type: string) => condition(get(kind, name), type)?.reason;

  const workload = (app: string, more: object = {}, image = 'app:1') => ({
    selector: { matchLabels: { app } },
    template: {
      metadata: { labels: { app } },
      spec: { containers: [{ name: 'a', image, ports: [{ name: 'http', containerPort: 80 }] }] },
    },
    ...more,
  });
  const rolledOut = (name: string, replicas: number) => () => {
    const deployment = get('Deployment', name)!;
    const { status } = deployment;
    return (
      status?.observedGeneration === deployment.metadata.generation &&
      status.updatedReplicas === replicas &&
      status.replicas === replicas &&
      status.availableReplicas === replicas
    );
  };

  test('a deployment gets a ReplicaSet with running pods, and says so', async () => {
    create('Deployment', 'web', workload('web', { replicas: 2 }));
    await until('the rollout', rolledOut('web', 2));
    assert.equal(reason('Deployment', 'web', 'Available'), 'MinimumReplicasAvailable');
    assert.equal(reason('Deployment', 'web', 'Progressing'), 'NewReplicaSetAvailable');
    const set = api.list(types.ReplicaSet, { namespace, labels: { app: 'web' } })[0]!;
    assert.equal(set.metadata.annotations!['deployment.kubernetes.io/revision'], '1');
    const [pod] = pods('web');
    assert.equal(pod!.status.phase, 'Running');
    assert.equal(pod!.metadata.labels!['pod-template-hash'], set.metadata.labels!['pod-template-hash']);
    assert.equal(pod!.metadata.ownerReferences![0]!.uid, set.metadata.uid);
  });

  test('a new template rolls, an old one comes back, and the old ReplicaSets stay empty', async () => {
    change('Deployment', 'web', object => {
      object.spec.template.spec.containers[0].image = 'app:2';
    });
    await until('the second rollout', rolledOut('web', 2));
    assert.ok(pods('web').every(pod => pod.spec.containers[0].image === 'app:2'));
    change('Deployment', 'web', object => {
      object.spec.template.spec.containers[0].image = 'app:1';
    });
    await until('the third rollout', rolledOut('web', 2));
    const sets = api.list(types.ReplicaSet, { namespace, labels: { app: 'web' } });
    const revisions = sets.map(set => [
      set.spec.replicas,
      set.metadata.annotations!['deployment.kubernetes.io/revision'],
    ]);
    assert.deepEqual(revisions.sort(), [
      [0, '2'],
      [2, '3'],
    ]);
    assert.equal(get('Deployment', 'web')!.metadata.annotations!['deployment.kubernetes.io/revision'], '3');
  });

  test('scaling changes the pods and no revision', async () => {
    change('Deployment', 'web', object => {
      object.spec.replicas = 5;
    });
    await until('five pods', rolledOut('web', 5));
    change('Deployment', 'web', object => {
      object.spec.replicas = 0;
    });
    await until('no pods', () => pods('web').length === 0 && get('Deployment', 'web')!.status.replicas === undefined);
    assert.equal(get('Deployment', 'web')!.metadata.annotations!['deployment.kubernetes.io/revision'], '3');
  });

  test('what is deleted takes its pods along', async () => {
    create('Deployment', 'gone', workload('gone'));
    await until('the rollout', rolledOut('gone', 1));
    api.delete(types.Deployment, namespace, 'gone');
    await until(
      'no pods',
      () =>
        pods('gone').length === 0 && api.list(types.ReplicaSet, { namespace, labels: { app: 'gone' } }).length === 0,
    );
  });

  const failures: [mode: string, phase: string, waiting: string | undefined][] = [
    ['true', 'Running', 'CrashLoopBackOff'],
    ['crash', 'Running', 'CrashLoopBackOff'],
    ['image-pull', 'Pending', 'ImagePullBackOff'],
    ['unschedulable', 'Pending', undefined],
  ];
  for (const [mode, phase, waiting] of failures)
    test(`pods that shall fail (${mode}) do, pass the deadline, and recover when they may`, async () => {
      const name = `fail-${mode}`;
      create('Deployment', name, workload(name, { progressDeadlineSeconds: 60 }), { [failAnnotation]: mode });
      await until('a failing pod', () => pods(name)[0]?.status?.conditions !== undefined);
      // What comes later would count as progress, and begin the time anew.
      await until(
        'the whole status',
        () =>
          reason('Deployment', name, 'Available') === 'MinimumReplicasUnavailable' &&
          get('Deployment', name)!.status.updatedReplicas === 1,
      );
      const [pod] = pods(name);
      assert.equal(pod!.status.phase, phase);
      assert.equal(pod!.status.containerStatuses?.[0].state.waiting.reason, waiting);
      ahead += 61_000;
      change('Deployment', name, object => {
        object.metadata.labels = { touched: 'true' };
      });
      await until('the deadline', () => reason('Deployment', name, 'Progressing') === 'ProgressDeadlineExceeded');
      change('Deployment', name, object => {
        delete object.metadata.annotations![failAnnotation];
      });
      await until('recovery', rolledOut(name, 1));
      assert.equal(reason('Deployment', name, 'Progressing'), 'NewReplicaSetAvailable');
    });

  test('the deadline passes without an event', async () => {
    create('Deployment', 'late', workload('late', { progressDeadlineSeconds: 1 }, 'app:does-not-exist'));
    await until('the deadline', () => reason('Deployment', 'late', 'Progressing') === 'ProgressDeadlineExceeded');
  });

  test('a failing new version leaves the old one running', async () => {
    create('Deployment', 'safe', workload('safe', { replicas: 4 }));
    await until('the rollout', rolledOut('safe', 4));
    change('Deployment', 'safe', object => {
      object.spec.template.spec.containers[0].image = 'app:fail';
    });
    await until('the attempt', () => pods('safe').some(pod => pod.spec.containers[0].image === 'app:fail'));
    await until('three of the old', () => get('Deployment', 'safe')!.status.availableReplicas === 3);
    assert.equal(reason('Deployment', 'safe', 'Available'), 'MinimumReplicasAvailable');
  });

  test('a stateful set keeps ordinals, claims and revisions', async () => {
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    create('StatefulSet', 'db', workload('db', { replicas: 3, serviceName: 'db', volumeClaimTemplates: [claim] }));
    await until('three pods', () => get('StatefulSet', 'db')!.status?.readyReplicas === 3);
    assert.deepEqual(
      pods('db')
        .map(pod => pod.metadata.name)
        .sort(),
      ['db-0', 'db-1', 'db-2'],
    );
    await until('bound claims', () =>
      ['data-db-0', 'data-db-1', 'data-db-2'].every(
        name => get('PersistentVolumeClaim', name)?.status.phase === 'Bound',
      ),
    );
    change('StatefulSet', 'db', object => {
      object.spec.template.spec.containers[0].image = 'app:2';
    });
    await until('the update', () => {
      const { status } = get('StatefulSet', 'db')!;
      return (
        status.currentRevision === status.updateRevision &&
        status.updatedReplicas === 3 &&
        pods('db').every(pod => pod.spec.containers[0].image === 'app:2')
      );
    });
    change('StatefulSet', 'db', object => {
      object.spec.replicas = 1;
    });
    await until('one pod', () => pods('db').length === 1);
  });

  test('a daemon set runs on the one node', async () => {
    create('DaemonSet', 'agent', workload('agent'));
    await until('its pod', () => get('DaemonSet', 'agent')!.status?.numberAvailable === 1);
  });

  test('jobs complete, or fail when they shall', async () => {
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'app:1' }] } };
    create('Job', 'good', { completions: 3, parallelism: 2, template });
    create('Job', 'bad', { template }, { [failAnnotation]: 'true' });
    create('Job', 'paused', { suspend: true, template });
    await until('completion', () => condition(get('Job', 'good'), 'Complete')?.status === 'True');
    assert.equal(get('Job', 'good')!.status.succeeded, 3);
    await until('failure', () => condition(get('Job', 'bad'), 'Failed')?.reason === 'BackoffLimitExceeded');
    await until('suspension', () => condition(get('Job', 'paused'), 'Suspended')?.status === 'True');
  });

  test('services, ingresses and autoscalers get what they need', async () => {
    create('Deployment', 'app', workload('app'));
    create('Service', 'app', {
      type: 'LoadBalancer',
      selector: { app: 'app' },
      ports: [{ port: 8080, targetPort: 'http' }],
    });
    create('Ingress', 'app', { defaultBackend: { service: { name: 'app', port: { number: 8080 } } } });
    create('HorizontalPodAutoscaler', 'app', {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'app' },
      minReplicas: 3,
      maxReplicas: 4,
    });
    await until('the autoscaled pods', rolledOut('app', 3));
    const slice = () =>
      api.list(types.EndpointSlice, { namespace, labels: { 'kubernetes.io/service-name': 'app' } })[0];
    await until(
      'endpoints',
      () => slice()?.endpoints?.filter((one: { conditions: { ready: boolean } }) => one.conditions.ready).length === 3,
    );
    assert.equal(slice()!.ports[0].port, 80);
    await until('endpoints of old', () => get('Endpoints', 'app')?.subsets?.[0].addresses?.length === 3);
    await until('addresses', () =>
      [get('Service', 'app'), get('Ingress', 'app')].every(object => object?.status.loadBalancer.ingress?.length === 1),
    );
    api.delete(types.Service, namespace, 'app');
    await until('no endpoints', () => get('Endpoints', 'app') === undefined);
  });

  test('a rest is a rest: nothing is written when nothing changes', async () => {
    let changes = 0;
    const unwatch = api.watch([types.Deployment, types.ReplicaSet, types.Pod], event => {
      if (event.type !== 'ADDED' && event.object.metadata.name.startsWith('app')) changes++;
    });
    change('Deployment', 'app', object => {
      object.metadata.labels = { touched: 'once' };
    });
    // All work goes through one list: when this rollout is through, nothing of the change is left to do.
    create('Deployment', 'sentinel', workload('sentinel'));
    await until('the sentinel', rolledOut('sentinel', 1));
    unwatch();
    assert.equal(changes, 1);
  });
});
