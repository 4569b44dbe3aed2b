import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { testCluster } from '../testing/cluster.ts';

const { client } = await testCluster({ after }, { simulate: false });
const pods = '/api/v1/namespaces/default/pods?dryRun=All';

const pod = (spec: object = {}): object => ({
  metadata: { name: 'one' },
  spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec },
});

test('a pod gets its account, the token of the account, and tolerations', async () => {
  const { body } = await client.call('POST', pods, { body: pod() });
  assert.equal(body.spec.serviceAccountName, 'default');
  const [volume] = body.spec.volumes;
  assert.match(volume.name, /^kube-api-access-/);
  assert.deepEqual(body.spec.containers[0].volumeMounts, [
    { name: volume.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
  ]);
  assert.deepEqual(
    body.spec.tolerations.map((one: { key: string }) => one.key),
    ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
  );
  assert.equal(body.status.qosClass, 'BestEffort');
});

test('nothing is mounted where the pod does not want it, or brings its own', async () => {
  const without = await client.call('POST', pods, { body: pod({ automountServiceAccountToken: false }) });
  assert.equal(without.body.spec.volumes, undefined);
  const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
  const own = {
    containers: [{ name: 'app', image: 'app:1', volumeMounts: [{ name: 'own', mountPath }] }],
    volumes: [{ name: 'own', emptyDir: {} }],
  };
  const { body } = await client.call('POST', pods, { body: pod(own) });
  assert.deepEqual(
    body.spec.volumes.map((one: { name: string }) => one.name),
    ['own'],
  );
});

test('priority comes from the class that the pod names, or from the default one', async () => {
  const critical = await client.call('POST', pods, { body: pod({ priorityClassName: 'system-node-critical' }) });
  assert.equal(critical.body.spec.priority, 2_000_001_000);
  const unknown = await client.call('POST', pods, { body: pod({ priorityClassName: 'none' }) });
  assert.deepEqual(
    [unknown.status, unknown.body.message],
    [403, 'pods "one" is forbidden: no PriorityClass with name none was found'],
  );
  const common = { metadata: { name: 'common' }, value: 7, globalDefault: true };
  const made = await client.call('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', { body: common });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { body } = await client.call('POST', pods, { body: pod() });
  assert.deepEqual([body.spec.priorityClassName, body.spec.priority], ['common', 7]);
});
