import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { bucketName, startS3Server } from '../../shared/controllers/source/testing/s3-server.ts';
import { configMap, kustomization, secret, yaml } from './manifests.ts';
import { conditionOf, startWorld, until } from './world.ts';

const world = await startWorld();
const s3 = await startS3Server();
after(() => s3.close());
const type = { apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'Bucket' };

const bucket = (namespace: string, name: string, spec: Record<string, unknown> = {}) => ({
  ...type,
  metadata: { namespace, name },
  spec: { interval: '10m', bucketName, endpoint: s3.endpoint, insecure: true, ...spec },
});
const color = async (namespace: string) => (await world.get('ConfigMap', namespace, 'settings'))?.data?.color;
const ask = (namespace: string, name: string, requestedAt: string) =>
  world.cluster.patch(type, namespace, name, {
    type: 'merge',
    body: { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': requestedAt } } },
  });

test('what is in a bucket is applied by a Kustomization, and what changes there follows', async () => {
  const ns = 'bucket';
  await world.namespace(ns);
  s3.objects.set('deploy/settings.yaml', yaml(configMap('settings', { color: 'blue' })));
  await world.apply(
    yaml(
      secret(ns, 'keys', { accesskey: 'key', secretkey: 'hush' }),
      bucket(ns, 'app', { secretRef: { name: 'keys' } }),
      kustomization(ns, 'app', { path: './deploy', sourceRef: { kind: 'Bucket', name: 'app' } }),
    ),
  );
  const first = await world.condition('Kustomization', ns, 'app', 'Ready', 'True', 'ReconciliationSucceeded');
  const source = await world.condition('Bucket', ns, 'app', 'Ready', 'True', 'Succeeded');
  assert.match(source.status.artifact.revision, /^sha256:[0-9a-f]{64}$/);
  assert.equal(first.status.lastAppliedRevision, source.status.artifact.revision);
  assert.equal(await color(ns), 'blue');

  s3.objects.set('deploy/settings.yaml', yaml(configMap('settings', { color: 'green' })));
  await ask(ns, 'app', '1');
  await until('the change is applied', async () => (await color(ns)) === 'green');
  const asked = await world.condition('Bucket', ns, 'app', 'Ready', 'True', 'Succeeded');
  assert.equal(asked.status.lastHandledReconcileAt, '1');

  // Nothing changed, and who asks is told so.
  await ask(ns, 'app', '2');
  const told = await until('the Events are there', async () => {
    const { items } = await world.cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
    const ours = items.filter(event => event.involvedObject.kind === 'Bucket');
    const lines = ours.map(event => `${event.type} ${event.reason}: ${event.message}`);
    return lines.some(line => line.includes('ArtifactUpToDate')) ? lines : undefined;
  });
  assert.ok(told.includes("Normal NewArtifact: stored artifact with 1 fetched files from 'podinfo' bucket"));
  assert.ok(
    told.includes(
      `Normal ArtifactUpToDate: artifact up-to-date with remote revision: '${asked.status.artifact.revision}'`,
    ),
  );
});

test('a suspended Bucket does nothing until it is resumed; an interval finds what changed', async () => {
  const ns = 'bucket-suspended';
  await world.namespace(ns);
  const spec = { interval: '2s', prefix: 'suspended/' };
  s3.objects.set('suspended/a.yaml', '1');
  await world.apply(yaml(bucket(ns, 'app', { ...spec, suspend: true }), bucket(ns, 'other', spec)));
  const first = await world.condition('Bucket', ns, 'other', 'Ready', 'True', 'Succeeded');
  s3.objects.set('suspended/a.yaml', '2');
  await until('the interval has found it', async () => {
    const found = await world.get('Bucket', ns, 'other');
    return found?.status.artifact.revision !== first.status.artifact.revision;
  });
  assert.equal((await world.get('Bucket', ns, 'app'))?.status?.artifact, undefined);
  await world.apply(yaml(bucket(ns, 'app', spec)));
  const resumed = await world.condition('Bucket', ns, 'app', 'Ready', 'True', 'Succeeded');
  assert.ok(resumed.status.artifact.digest);
});

test('a Bucket that is not there says why, keeps its artifact, and is well again when it is', async () => {
  const ns = 'bucket-failing';
  await world.namespace(ns);
  s3.objects.set('failing/a.yaml', '1');
  await world.apply(yaml(bucket(ns, 'app', { prefix: 'failing/' })));
  const good = await world.condition('Bucket', ns, 'app', 'Ready', 'True', 'Succeeded');
  await world.apply(yaml(bucket(ns, 'app', { prefix: 'failing/', secretRef: { name: 'absent' } })));
  const failed = await world.condition('Bucket', ns, 'app', 'Ready', 'False', 'AuthenticationFailed');
  assert.equal(conditionOf(failed, 'FetchFailed')?.status, 'True');
  assert.equal(conditionOf(failed, 'Reconciling')?.reason, 'ProgressingWithRetry');
  assert.equal(failed.status.artifact.digest, good.status.artifact.digest);
  await world.apply(yaml(bucket(ns, 'app', { prefix: 'failing/' })));
  const mended = await world.condition('Bucket', ns, 'app', 'Ready', 'True', 'Succeeded');
  assert.equal(conditionOf(mended, 'FetchFailed'), undefined);
  assert.equal(mended.status.artifact.digest, good.status.artifact.digest);
});

test('what the rules of the API forbid is refused with the words of Flux', async () => {
  const ns = 'bucket-rules';
  await world.namespace(ns);
  const sts = { provider: 'ldap', endpoint: 'https://ldap.example.com' };
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ provider: 'azure', sts }, /STS configuration is only supported for the 'aws' and 'generic' Bucket providers/],
    [{ provider: 'aws', sts }, /'aws' is the only supported STS provider for the 'aws' Bucket provider/],
    [
      { sts: { ...sts, provider: 'aws' } },
      /'ldap' is the only supported STS provider for the 'generic' Bucket provider/,
    ],
    [
      { provider: 'aws', sts: { ...sts, provider: 'aws', secretRef: { name: 'x' } } },
      /spec\.sts\.secretRef is not required for the 'aws' STS provider/,
    ],
    [
      { provider: 'aws', sts: { ...sts, provider: 'aws', certSecretRef: { name: 'x' } } },
      /spec\.sts\.certSecretRef is not required for the 'aws' STS provider/,
    ],
    [{ serviceAccountName: 'x' }, /ServiceAccountName is not supported for the 'generic' Bucket provider/],
    [
      { provider: 'aws', serviceAccountName: 'x', secretRef: { name: 'x' } },
      /cannot set both \.spec\.secretRef and \.spec\.serviceAccountName/,
    ],
    [{ timeout: '1h' }, /spec\.timeout/],
  ];
  for (const [spec, message] of refused) await assert.rejects(world.apply(yaml(bucket(ns, 'app', spec))), message);
});
