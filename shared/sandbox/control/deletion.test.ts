import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { configMap, eventually, newNamespace, testCluster } from '../testing/cluster.ts';

const { client } = await testCluster({ after }, { simulate: false });

test('finalizers hold an object back; owners take their dependents with them', async () => {
  const path = `${await newNamespace(client, 'owned')}/configmaps`;
  const owner = (await client.call('POST', path, { body: configMap('owner') })).body;
  const reference = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: 'owner',
    uid: owner.metadata.uid,
    blockOwnerDeletion: true,
  };
  const dependent = { metadata: { name: 'dependent', ownerReferences: [reference], finalizers: ['example.com/hold'] } };
  await client.call('POST', path, { body: dependent });
  const foreground = await client.call('DELETE', `${path}/owner`, { body: { propagationPolicy: 'Foreground' } });
  assert.deepEqual(foreground.body.metadata.finalizers, ['foregroundDeletion']);
  const marked = await eventually(
    () => client.call('GET', `${path}/dependent`),
    answer => answer.body.metadata.deletionTimestamp !== undefined,
  );
  assert.equal((await client.call('GET', `${path}/owner`)).status, 200);
  const added = { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } };
  const more = await client.call('PATCH', `${path}/dependent`, { body: added, type: 'application/merge-patch+json' });
  assert.equal(more.status, 422);
  assert.equal(marked.status, 200);
  const none = { body: { metadata: { finalizers: null } }, type: 'application/merge-patch+json' };
  await client.call('PATCH', `${path}/dependent`, none);
  await eventually(
    () => client.call('GET', `${path}/owner`),
    answer => answer.status === 404,
  );
  assert.equal((await client.call('GET', `${path}/dependent`)).status, 404);
});

test('orphans stay, without the owner reference', async () => {
  const path = `${await newNamespace(client, 'orphans')}/configmaps`;
  const owner = (await client.call('POST', path, { body: configMap('owner') })).body;
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid };
  await client.call('POST', path, { body: { metadata: { name: 'kept', ownerReferences: [reference] } } });
  await client.call('DELETE', `${path}/owner?propagationPolicy=Orphan`);
  await eventually(
    () => client.call('GET', `${path}/owner`),
    answer => answer.status === 404,
  );
  const kept = await client.call('GET', `${path}/kept`);
  assert.equal(kept.body.metadata.ownerReferences, undefined);
  const lost = { metadata: { name: 'lost', ownerReferences: [{ ...reference, uid: 'absent' }] } };
  await client.call('POST', path, { body: lost });
  await eventually(
    () => client.call('GET', `${path}/lost`),
    answer => answer.status === 404,
  );
});

test('a namespace goes with its content, and takes nothing new meanwhile', async () => {
  const path = await newNamespace(client, 'doomed');
  await client.call('POST', `${path}/configmaps`, {
    body: { metadata: { name: 'held', finalizers: ['example.com/hold'] } },
  });
  await client.call('POST', `${path}/secrets`, { body: { metadata: { name: 's' } } });
  assert.equal((await client.call('DELETE', path)).body.status.phase, 'Terminating');
  await eventually(
    () => client.call('GET', `${path}/secrets/s`),
    answer => answer.status === 404,
  );
  const refused = await client.call('POST', `${path}/configmaps`, { body: configMap('late') });
  assert.equal(refused.body.details.causes[0].reason, 'NamespaceTerminating');
  const remaining = await eventually(
    () => client.call('GET', path),
    answer => answer.body.status.conditions !== undefined,
  );
  assert.match(JSON.stringify(remaining.body.status.conditions), /example.com\/hold in 1 resource instances/);
  const none = { body: { metadata: { finalizers: null } }, type: 'application/merge-patch+json' };
  await client.call('PATCH', `${path}/configmaps/held`, none);
  await eventually(
    () => client.call('GET', path),
    answer => answer.status === 404,
  );
});
