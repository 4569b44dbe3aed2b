import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventually, testCluster } from '../testing/cluster.ts';

const { client } = await testCluster({ after }, { simulate: false });
const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
const pods = '/api/v1/namespaces/default/pods';

const claim = (name: string): object => ({
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
});

async function created(path: string, body: object): Promise<void> {
  const answer = await client.call('POST', path, { body });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
}

const gone = async (path: string): Promise<unknown> =>
  eventually(
    () => client.call('GET', path),
    answer => answer.status === 404,
  );

test('a claim stays as long as a pod uses it, and goes with the pod', async () => {
  await created(claims, claim('used'));
  await created(pods, {
    metadata: { name: 'user' },
    spec: {
      containers: [{ name: 'app', image: 'app:1' }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'used' } }],
    },
  });
  await client.call('DELETE', `${claims}/used`);
  // The claim after it was let go; so the controller has looked at both.
  await created(claims, claim('unused'));
  await client.call('DELETE', `${claims}/unused`);
  await gone(`${claims}/unused`);
  const waiting = await client.call('GET', `${claims}/used`);
  assert.deepEqual(waiting.body.metadata.finalizers, ['kubernetes.io/pvc-protection']);
  assert.ok(waiting.body.metadata.deletionTimestamp);
  await client.call('DELETE', `${pods}/user?gracePeriodSeconds=0`);
  await gone(`${claims}/used`);
});

test('a volume stays as long as it is bound', async () => {
  const path = '/api/v1/persistentvolumes';
  await created(path, {
    metadata: { name: 'disk' },
    spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/x' } },
  });
  const phase = (value: string): Promise<unknown> =>
    client.call('PATCH', `${path}/disk/status`, {
      type: 'application/merge-patch+json',
      body: { status: { phase: value } },
    });
  await phase('Bound');
  await client.call('DELETE', `${path}/disk`);
  assert.equal((await client.call('GET', `${path}/disk`)).status, 200);
  await phase('Released');
  await gone(`${path}/disk`);
});
