import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSandbox } from './server.ts';
import { type Answer, Client, configMap, eventually, newNamespace, testCluster } from './testing/cluster.ts';

const { client } = await testCluster({ after }, { simulate: false });

function brief({ status, body }: Answer): [number, string, string] {
  return [status, body.reason, body.message];
}

test('requests without a token are anonymous, with a wrong one unauthorized', async () => {
  assert.deepEqual(brief(await client.call('GET', '/api/v1/pods', { token: '' })), [
    403,
    'Forbidden',
    'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope',
  ]);
  assert.deepEqual(brief(await client.call('GET', '/api/v1/pods', { token: 'x.y.z' })), [
    401,
    'Unauthorized',
    'Unauthorized',
  ]);
  assert.equal((await client.call('GET', '/version', { token: '' })).status, 200);
});

test('impersonation: roles decide, and the name of the service account is what they bind', async () => {
  const path = await newNamespace(client, 'tenants');
  const as = { headers: { 'impersonate-user': 'system:serviceaccount:tenants:bot' } };
  const refused = await client.call('GET', `${path}/configmaps`, as);
  assert.equal(
    refused.body.message,
    'configmaps is forbidden: User "system:serviceaccount:tenants:bot" cannot list resource "configmaps" in API group "" in the namespace "tenants"',
  );
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/tenants';
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'], resourceNames: [] }];
  await client.call('POST', `${rbac}/roles`, { body: { metadata: { name: 'lister' }, rules } });
  const binding = {
    metadata: { name: 'bot' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'lister' },
    subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'tenants' }],
  };
  assert.equal((await client.call('POST', `${rbac}/rolebindings`, { body: binding })).status, 201);
  assert.equal((await client.call('GET', `${path}/configmaps`, as)).status, 200);
  assert.equal((await client.call('GET', `${path}/configmaps/x`, as)).status, 403);
  assert.equal((await client.call('GET', '/api/v1/configmaps', as)).status, 403);
  const other = { headers: { ...as.headers, 'impersonate-user': 'system:serviceaccount:tenants:bot2' } };
  assert.equal((await client.call('GET', `${path}/configmaps`, other)).status, 403);
});

test('an apply may only create for those who may create', async () => {
  const path = await newNamespace(client, 'appliers');
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/appliers';
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['patch'] }];
  await client.call('POST', `${rbac}/roles`, { body: { metadata: { name: 'r' }, rules } });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' };
  const subjects = [{ kind: 'User', name: 'ann', apiGroup: 'rbac.authorization.k8s.io' }];
  await client.call('POST', `${rbac}/rolebindings`, { body: { metadata: { name: 'b' }, roleRef, subjects } });
  const apply = (): Promise<Answer> =>
    client.call('PATCH', `${path}/configmaps/a?fieldManager=m`, {
      body: configMap('a'),
      type: 'application/apply-patch+yaml',
      headers: { 'impersonate-user': 'ann' },
    });
  assert.equal((await apply()).status, 403);
  await client.call('POST', `${path}/configmaps`, { body: configMap('a') });
  assert.equal((await apply()).status, 200);
});

test('create, conflict, stale update, no-op update, delete', async () => {
  const path = `${await newNamespace(client, 'crud')}/configmaps`;
  const created = await client.call('POST', path, { body: configMap('a', { x: '1' }) });
  assert.equal(created.status, 201);
  assert.match(created.body.metadata.uid, /^[0-9a-f-]{36}$/);
  assert.deepEqual(brief(await client.call('POST', path, { body: configMap('a') })), [
    409,
    'AlreadyExists',
    'configmaps "a" already exists',
  ]);
  const same = await client.call('PUT', `${path}/a`, { body: created.body });
  assert.equal(same.body.metadata.resourceVersion, created.body.metadata.resourceVersion);
  const next = await client.call('PUT', `${path}/a`, { body: { ...created.body, data: { x: '2' } } });
  assert.ok(Number(next.body.metadata.resourceVersion) > Number(created.body.metadata.resourceVersion));
  assert.deepEqual(brief(await client.call('PUT', `${path}/a`, { body: { ...created.body, data: { x: '3' } } })), [
    409,
    'Conflict',
    'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
  ]);
  const wrongUid = await client.call('DELETE', `${path}/a`, { body: { preconditions: { uid: 'other' } } });
  assert.equal(wrongUid.status, 409);
  assert.equal((await client.call('DELETE', `${path}/a`)).body.status, 'Success');
  assert.deepEqual(brief(await client.call('GET', `${path}/a`)), [404, 'NotFound', 'configmaps "a" not found']);
});

test('dry run stores nothing', async () => {
  const path = `${await newNamespace(client, 'dry')}/configmaps`;
  assert.equal((await client.call('POST', `${path}?dryRun=All`, { body: configMap('a') })).status, 201);
  assert.equal((await client.call('GET', `${path}/a`)).status, 404);
  await client.call('POST', path, { body: configMap('a', { x: '1' }) });
  const patch = { body: { data: { x: '2' } }, type: 'application/merge-patch+json' };
  assert.equal((await client.call('PATCH', `${path}/a?dryRun=All`, patch)).body.data.x, '2');
  assert.equal((await client.call('DELETE', `${path}/a?dryRun=All`)).status, 200);
  assert.equal((await client.call('GET', `${path}/a`)).body.data.x, '1');
  assert.equal((await client.call('POST', `${path}?dryRun=Some`, { body: configMap('b') })).status, 422);
});

test('pages: the second shows the state of the first', async () => {
  const path = `${await newNamespace(client, 'pages')}/configmaps`;
  for (const name of ['a', 'b', 'c', 'd']) await client.call('POST', path, { body: configMap(name, {}, { n: name }) });
  const first = (await client.call('GET', `${path}?limit=2`)).body;
  assert.deepEqual(
    first.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['a', 'b'],
  );
  assert.equal(first.metadata.remainingItemCount, 2);
  await client.call('DELETE', `${path}/c`);
  await client.call('POST', path, { body: configMap('bb') });
  const second = (await client.call('GET', `${path}?limit=2&continue=${first.metadata.continue}`)).body;
  assert.deepEqual(
    second.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['c', 'd'],
  );
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  assert.equal(second.metadata.continue, undefined);
  const selected = (await client.call('GET', `${path}?labelSelector=n%20in%20(a,d),n!=a`)).body;
  assert.deepEqual(
    selected.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['d'],
  );
  const byLabel = (await client.call('GET', `${path}?labelSelector=n%3Db`)).body;
  assert.deepEqual(
    byLabel.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['b'],
  );
  await client.call('PATCH', `${path}/b`, {
    body: { metadata: { labels: { n: 'z' } } },
    type: 'application/merge-patch+json',
  });
  assert.equal((await client.call('GET', `${path}?labelSelector=n%3Db`)).body.items.length, 0);
  assert.equal((await client.call('GET', `${path}?labelSelector=n%3Dz`)).body.items.length, 1);
});

test('watch: resumes after a resourceVersion, and follows what comes into sight of a selector and leaves it', async () => {
  const path = `${await newNamespace(client, 'watched')}/configmaps`;
  const start = (await client.call('GET', path)).body.metadata.resourceVersion;
  await client.call('POST', path, { body: configMap('a', {}, { on: 'yes' }) });
  const all = client.watch(`${path}?watch=true&resourceVersion=${start}`);
  const some = client.watch(`${path}?watch=true&resourceVersion=${start}&labelSelector=on%3Dyes`);
  const relabel = (value: string | null): Promise<Answer> =>
    client.call('PATCH', `${path}/a`, {
      body: { metadata: { labels: { on: value } } },
      type: 'application/merge-patch+json',
    });
  await relabel('no');
  await relabel('yes');
  const gone = await client.call('DELETE', `${path}/a`);
  assert.equal(gone.status, 200);
  await eventually(
    () => all.events.length,
    count => count === 4,
  );
  await eventually(
    () => some.events.length,
    count => count === 4,
  );
  assert.deepEqual(
    all.events.map(event => event.type),
    ['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED'],
  );
  assert.deepEqual(
    some.events.map(event => event.type),
    ['ADDED', 'DELETED', 'ADDED', 'DELETED'],
  );
  const versions = all.events.map(event => Number(event.object.metadata.resourceVersion));
  assert.deepEqual(
    versions,
    versions.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(versions).size, 4);
  all.close();
  some.close();
});

test('watch: initial events end with a bookmark; the time limit ends it; a forgotten version is 410', async () => {
  const path = `${await newNamespace(client, 'initial')}/configmaps`;
  await client.call('POST', path, { body: configMap('a') });
  const query =
    'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1';
  const watch = client.watch(`${path}?${query}`);
  await watch.ended;
  assert.deepEqual(
    watch.events.map(event => event.type),
    ['ADDED', 'BOOKMARK'],
  );
  assert.equal(watch.events[1]!.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  const future = await client.call('GET', `${path}?watch=true&resourceVersion=99999999`);
  assert.equal(future.status, 504);
});

test('metadata and tables are negotiated', async () => {
  const path = `${await newNamespace(client, 'shapes')}/configmaps`;
  await client.call('POST', path, { body: configMap('a', { x: '1' }) });
  const partial = await client.call('GET', path, {
    accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
  });
  assert.equal(partial.body.kind, 'PartialObjectMetadataList');
  assert.deepEqual(Object.keys(partial.body.items[0]), ['kind', 'apiVersion', 'metadata']);
  const table = await client.call('GET', `${path}/a`, { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' });
  assert.deepEqual(table.body.rows[0].cells.slice(0, 2), ['a', 1]);
  assert.equal((await client.call('GET', path, { accept: 'application/xml' })).status, 406);
  const yaml = await client.call('GET', `${path}/a`, { accept: 'application/yaml' });
  assert.match(yaml.body, /^data:\n {2}x: "1"$/m);
});

test('bodies and objects are bounded', async () => {
  const path = `${await newNamespace(client, 'limits')}/configmaps`;
  const huge = await client.call('POST', path, { body: configMap('a', { x: 'y'.repeat(3_200_000) }) });
  assert.equal(huge.status, 413);
  const big = await client.call('POST', path, { body: configMap('a', { x: 'y'.repeat(1_100_000) }) });
  assert.ok([413, 422].includes(big.status), String(big.status));
  const type = await client.call('POST', path, { body: 'x', type: 'text/plain' });
  assert.equal(type.status, 415);
});

test('every namespace gets its service account, and tokens of it are good until it is gone', async () => {
  const path = await newNamespace(client, 'tokens');
  await eventually(
    () => client.call('GET', `${path}/serviceaccounts/default`),
    answer => answer.status === 200,
  );
  const { token } = (await client.call('POST', `${path}/serviceaccounts/default/token`, { body: { spec: {} } })).body
    .status;
  const review = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const self = await client.call('POST', review, { body: {}, token });
  assert.equal(self.body.status.userInfo.username, 'system:serviceaccount:tokens:default');
  await client.call('DELETE', path);
  await eventually(
    () => client.call('POST', review, { body: {}, token }),
    answer => answer.status === 401,
  );
});

test('aggregated cluster roles follow the roles that feed them', async () => {
  const roles = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
  const rule = { apiGroups: ['example.com'], resources: ['widgets'], verbs: ['get'] };
  const labels = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' };
  await client.call('POST', roles, { body: { metadata: { name: 'widgets', labels }, rules: [rule] } });
  for (const name of ['view', 'edit', 'admin'])
    assert.match(JSON.stringify((await client.call('GET', `${roles}/${name}`)).body.rules), /widgets/);
  await client.call('DELETE', `${roles}/widgets`);
  assert.doesNotMatch(JSON.stringify((await client.call('GET', `${roles}/admin`)).body.rules), /widgets/);
});

test('events are one, whichever API version reads them', async () => {
  const path = await newNamespace(client, 'tidings');
  const event = {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', namespace: 'tidings', name: 'p' },
    reason: 'Tested',
    message: 'it was tested',
    type: 'Normal',
  };
  assert.equal((await client.call('POST', `${path}/events`, { body: event })).status, 201);
  const read = await client.call('GET', '/apis/events.k8s.io/v1/namespaces/tidings/events/e');
  assert.deepEqual(
    [read.body.apiVersion, read.body.note, read.body.regarding.name],
    ['events.k8s.io/v1', 'it was tested', 'p'],
  );
  const found = await client.call('GET', `${path}/events?fieldSelector=involvedObject.name%3Dp,reason%3DTested`);
  assert.equal(found.body.items.length, 1);
  const none = await client.call('GET', `${path}/events?fieldSelector=involvedObject.name%3Dq`);
  assert.equal(none.body.items.length, 0);
});

test('what was acknowledged outlives a killed process, and versions go on', async context => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-sandbox-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
  const first = await ownProcess(context, dir);
  await first.client.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'lasting' } } });
  const path = '/api/v1/namespaces/lasting/configmaps';
  await first.client.call('POST', path, { body: configMap('kept', { x: '1' }) });
  await first.client.call('POST', path, { body: configMap('dropped') });
  await first.client.call('DELETE', `${path}/dropped`);
  const before = (await first.client.call('GET', path)).body;
  await first.kill();
  const second = await ownProcess(context, dir);
  const after = (await second.client.call('GET', path)).body;
  assert.deepEqual(after.items, before.items);
  assert.ok(Number(after.metadata.resourceVersion) >= Number(before.metadata.resourceVersion));
  await assert.rejects(startSandbox({ dir }), /another process serves the cluster/);
  const old = second.client.watch(`${path}?watch=true&resourceVersion=1`);
  await old.ended;
  assert.deepEqual([old.events[0]!.type, old.events[0]!.object.code], ['ERROR', 410]);
  for (const file of ['kubeconfig', 'admin-token', 'cluster.sqlite', 'ca.key', 'server.key'])
    assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600, file);
  assert.equal(await second.end(), 0);
});

async function ownProcess(
  context: { after(done: () => void): void },
  dir: string,
): Promise<{ client: Client; kill(): Promise<void>; end(): Promise<number | null> }> {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, '--dir', dir], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = new Promise<number | null>(resolve => child.once('exit', resolve));
  context.after(() => child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) {
    assert.ok(JSON.parse(line).url);
    break;
  }
  const client = new Client(readFileSync(join(dir, 'kubeconfig'), 'utf8'));
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    client.close();
    child.kill(signal);
    return exited;
  };
  return {
    client,
    kill: async () => {
      await stop('SIGKILL');
    },
    end: () => stop('SIGTERM'),
  };
}
