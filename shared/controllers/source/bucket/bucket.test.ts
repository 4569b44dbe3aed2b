import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { after, afterEach, test } from 'node:test';
import { bucketName, etagOf, refuse, type S3Server, startS3Server } from '../testing/s3-server.ts';
import { conditionText, startSourceWorld } from '../testing/source-world.ts';
import { undisturbed } from '../testing/undisturbed.ts';
import { bucketController } from './bucket.ts';

const world = await startSourceWorld('Bucket', [bucketController]);
const s3 = await startS3Server();
after(async () => {
  await s3.close();
  await world.close();
});
afterEach(() => {
  s3.fault = undefined;
  s3.pageSize = 1000;
  s3.objects.clear();
  s3.seen();
});

const spec = (more: Record<string, unknown> = {}) => ({
  bucketName,
  endpoint: s3.endpoint,
  insecure: true,
  ...more,
});
const fill = (files: Record<string, string>, server: S3Server = s3) => {
  for (const [key, contents] of Object.entries(files)) server.objects.set(key, contents);
};
/** As Flux computes it: internal/index/digest.go. */
const revision = (files: Record<string, string>) => {
  const lines = Object.entries(files).map(([key, contents]) => `${key} ${etagOf(contents)}\n`);
  return `sha256:${createHash('sha256').update(lines.sort().join('')).digest('hex')}`;
};
const gets = () => s3.seen().filter(line => line.startsWith('GET ') && line !== 'GET .sourceignore');

test('the artifact is of what the bucket holds, and the revision the checksum of keys and etags', async () => {
  const files = { 'apps/a.yaml': 'a: 1\n', 'apps/b.yaml': 'b: 2\n', 'top.yaml': 'c: 3\n' };
  fill({ ...files, 'apps/': '' });
  const bucket = await world.reconcile('plain', spec());
  const { artifact } = bucket.status;
  assert.equal(artifact.revision, revision(files));
  assert.equal(artifact.path, `bucket/default/plain/${artifact.revision.slice(7)}.tar.gz`);
  assert.deepEqual(await world.files(bucket), files);
  assert.equal(conditionText(bucket, 'Ready'), `True Succeeded: stored artifact: revision '${artifact.revision}'`);
  assert.equal(conditionText(bucket, 'ArtifactInStorage'), conditionText(bucket, 'Ready'));
  assert.equal(bucket.status.url, artifact.url);
  assert.equal(bucket.status.observedGeneration, 1);
  const [event] = world.events('plain');
  assert.equal(event?.text, "info NewArtifact: stored artifact with 3 fetched files from 'podinfo' bucket");
  assert.equal(event?.metadata['source.toolkit.fluxcd.io/revision'], artifact.revision);
  assert.equal(event?.metadata['source.toolkit.fluxcd.io/digest'], artifact.digest);
});

test('a bucket that did not change is listed, and nothing is fetched; of one that did, only what changed', async () => {
  const files: Record<string, string> = { 'a.yaml': 'a', 'b.yaml': 'b', 'deep/c.yaml': 'c', 'gone.yaml': 'g' };
  fill(files);
  const first = await world.reconcile('some', spec());
  assert.deepEqual(gets().sort(), ['GET a.yaml', 'GET b.yaml', 'GET deep/c.yaml', 'GET gone.yaml']);
  const same = await world.again('some');
  assert.deepEqual(gets(), []);
  assert.deepEqual(same.status.artifact, first.status.artifact);

  s3.objects.delete('gone.yaml');
  // As long as it was: the etag alone tells.
  fill({ 'b.yaml': 'x', 'new.yaml': 'n' });
  const second = await world.again('some');
  assert.deepEqual(gets().sort(), ['GET b.yaml', 'GET new.yaml']);
  const now = { 'a.yaml': 'a', 'b.yaml': 'x', 'deep/c.yaml': 'c', 'new.yaml': 'n' };
  assert.deepEqual(await world.files(second), now);
  assert.equal(second.status.artifact.revision, revision(now));
  assert.match(world.events('some').at(-1)!.text, /stored artifact with 4 fetched files/);
  // Whoever fetches all of it makes the same artifact. Another region is another question.
  const whole = await world.reconcile('whole', spec({ region: 'elsewhere' }));
  assert.equal(gets().length, 4);
  assert.equal(whole.status.artifact.digest, second.status.artifact.digest);

  // What the last artifact held counts for nothing when it is no more.
  await world.ports.store.delete([`artifacts/sha256/${second.status.artifact.digest.slice(7)}`]);
  fill({ 'a.yaml': 'a3' });
  await world.again('some');
  assert.equal(gets().length, 4);
});

test('etags of another bucket are no reason to keep what the last one held', async () => {
  fill({ 'a.yaml': 'same etag' });
  await world.reconcile('moved', spec());
  s3.seen();
  const other = await startS3Server();
  after(() => other.close());
  fill({ 'a.yaml': 'same etag', 'b.yaml': 'b' }, other);
  await world.reconcile('moved', spec({ endpoint: other.endpoint }));
  assert.ok(other.seen().includes('GET a.yaml'), 'it is fetched');
});

test('.sourceignore of the bucket, spec.ignore, the defaults and the prefix leave objects out', async () => {
  const files = { 'deploy/a.yaml': 'a', 'deploy/b.md': 'b', 'pic.png': 'p', '.gitignore': 'x', 'other.yaml': 'o' };
  fill(files);
  const names = async (more: Record<string, unknown>) =>
    Object.keys(await world.files(await world.reconcile('ignoring', spec(more))));
  assert.deepEqual(await names({}), ['deploy/a.yaml', 'deploy/b.md', 'other.yaml']);
  assert.deepEqual(await names({ prefix: 'deploy/' }), ['deploy/a.yaml', 'deploy/b.md']);
  assert.deepEqual(await names({ ignore: '*.yaml\n!deploy/a.yaml\n' }), ['deploy/a.yaml', 'deploy/b.md', 'pic.png']);
  const observed = await world.again('ignoring');
  assert.equal(observed.status.observedIgnore, '*.yaml\n!deploy/a.yaml\n');
  fill({ '.sourceignore': '/deploy\n' });
  // It is part of the artifact and not of the revision, as with Flux.
  const ignoring = await world.reconcile('ignoring', spec());
  assert.deepEqual(Object.keys(await world.files(ignoring)), ['.sourceignore', 'other.yaml', 'pic.png']);
  assert.equal(ignoring.status.artifact.revision, revision({ 'other.yaml': 'o', 'pic.png': 'p' }));
  assert.equal(ignoring.status.observedIgnore, undefined);
  assert.deepEqual(await names({ ignore: '!/deploy\n' }), [
    '.sourceignore',
    'deploy/a.yaml',
    'deploy/b.md',
    'other.yaml',
    'pic.png',
  ]);
});

test('an empty bucket has an empty artifact', async () => {
  const bucket = await world.reconcile('empty', spec());
  assert.equal(bucket.status.artifact.revision, revision({}));
  assert.deepEqual(await world.files(bucket), {});
  assert.match(world.events('empty')[0]!.text, /with 0 fetched files/);
});

test('keys keep their case, and characters that XML, URLs or signatures treat specially', async () => {
  const files = {
    'A.yaml': 'upper',
    'a.yaml': 'lower',
    'with space+plus&amp;<x>.yaml': 's',
    "it's (1)*!~.yaml": 'q',
    'ünïcödé/😀.yaml': 'u',
    '%41.yaml': 'percent',
    __proto__: 'p',
  };
  fill(files);
  const bucket = await world.reconcile('odd', spec());
  assert.deepEqual(Object.entries(await world.files(bucket)).sort(), Object.entries(files).sort());
});

test('slashes at the beginning of keys and doubled ones are no names, as with Flux', async () => {
  fill({ '/a.yaml': 'a', 'b//c.yaml': 'c' });
  const bucket = await world.reconcile('slashes', spec());
  assert.deepEqual(await world.files(bucket), { 'a.yaml': 'a', 'b/c.yaml': 'c' });
});

const unusable: [string, string[], RegExp][] = [
  [
    'leaves the root',
    ['../evil.yaml'],
    /"\.\.\/evil\.yaml" cannot be a file of the artifact: a part of it is '\.' or '\.\.'; rename it, or leave it out by spec\.ignore/,
  ],
  ['leaves the root in its middle', ['a/../../evil.yaml'], /cannot be a file/],
  ['has a NUL', ['a\0b.yaml'], /NUL/],
  ['has a backslash', ['a\\b.yaml'], /backslash/],
  [
    'is a file and a folder',
    ['a', 'a/b.yaml'],
    /"a" cannot be a file of the artifact: "a\/b\.yaml" makes a folder of it/,
  ],
  ['is another one when its slashes are dropped', ['a.yaml', '/a.yaml'], /would be the same file/],
  ['has a name too long for a file', [`${'x'.repeat(300)}.yaml`], /longer than 255 bytes/],
];
for (const [what, keys, message] of unusable)
  test(`a key that ${what} is told, and the last artifact stays`, async () => {
    fill({ 'good.yaml': 'g' });
    const good = await world.reconcile('unusable', spec());
    fill(Object.fromEntries(keys.map(key => [key, 'x'])));
    const bucket = await world.again('unusable');
    assert.match(
      conditionText(bucket, 'Ready')!,
      /^False BucketOperationFailed: indexation of objects from bucket 'podinfo' failed/,
    );
    assert.match(conditionText(bucket, 'FetchFailed')!, message);
    assert.deepEqual(bucket.status.artifact, good.status.artifact);
    assert.deepEqual(
      gets().filter(line => line !== 'GET good.yaml'),
      [],
      'nothing is fetched',
    );
  });

test('a key that cannot be a file may be left out by spec.ignore', async () => {
  fill({ '../evil.yaml': 'x', 'good.yaml': 'g' });
  const bucket = await world.reconcile('left-out', spec({ ignore: 'evil.yaml\n' }));
  assert.deepEqual(await world.files(bucket), { 'good.yaml': 'g' });
});

test('an object that changes between list and read is taken as it then is; one that goes is left out', async () => {
  fill({ 'a.yaml': 'a', 'b.yaml': 'b', 'c.yaml': 'c' });
  s3.fault = ({ key }) => {
    if (key === 'a.yaml') s3.objects.set('a.yaml', 'a newer');
    if (key === 'b.yaml') s3.objects.delete('b.yaml');
    return false;
  };
  const bucket = await world.reconcile('changing', spec());
  const now = { 'a.yaml': 'a newer', 'c.yaml': 'c' };
  assert.deepEqual(await world.files(bucket), now);
  assert.equal(bucket.status.artifact.revision, revision(now));
  assert.match(world.events('changing')[0]!.text, /with 2 fetched files/);
  s3.fault = undefined;
  s3.seen();
  await world.again('changing');
  assert.deepEqual(gets(), [], 'the revision is that of what was fetched');
});

test('a storage whose objects have other etags than its lists, or none, makes no artifact anew', async () => {
  for (const etag of ['"other"', undefined]) {
    fill({ 'a.yaml': `with ${etag}` });
    s3.fault = ({ key, method }, answer) => {
      const contents = s3.objects.get(key);
      if (contents === undefined || method !== 'GET') return false;
      answer.writeHead(200, etag ? { etag } : {}).end(contents);
      return true;
    };
    const first = await world.reconcile('etags', spec());
    const second = await world.again('etags');
    assert.match(conditionText(second, 'Ready')!, /^True Succeeded/);
    assert.deepEqual(second.status.artifact, first.status.artifact);
  }
});

test('answers that are cut off, and moments of overload, are asked again', async () => {
  fill({ 'a.yaml': 'a'.repeat(5000), 'b.yaml': 'b' });
  const failed = new Set<string>();
  s3.fault = ({ key, method }, answer) => {
    const name = `${method} ${key}`;
    if (failed.has(name)) return false;
    failed.add(name);
    if (key === 'b.yaml') return refuse(answer, 503, 'SlowDown');
    if (key !== 'a.yaml') return refuse(answer, 500, 'InternalError');
    answer.writeHead(200, { etag: '"x"', 'content-length': '5000' });
    answer.write('aaa', () => answer.destroy());
    return true;
  };
  const bucket = await world.reconcile('shaky', spec());
  assert.equal((await world.files(bucket))['a.yaml']!.length, 5000);
  assert.deepEqual([...failed].sort(), ['GET ', 'GET .sourceignore', 'GET a.yaml', 'GET b.yaml', 'HEAD ']);
});

const failures: [string, S3Server['fault'], RegExp][] = [
  ['is not there', (_, answer) => refuse(answer, 404, 'NoSuchBucket'), /^bucket 'podinfo' not found$/],
  [
    'is forbidden',
    (_, answer) => refuse(answer, 403, 'AccessDenied'),
    /^failed to confirm existence of 'podinfo' bucket: .*AccessDenied: Told so/,
  ],
  [
    'has an ignore file that is forbidden',
    ({ key }, answer) => key === '.sourceignore' && refuse(answer, 403, 'AccessDenied'),
    /^failed to get Etag for '.sourceignore' object: .*AccessDenied/,
  ],
  [
    'may not be listed',
    ({ key, method }, answer) => key === '' && method === 'GET' && refuse(answer, 403, 'AccessDenied'),
    /^indexation of objects from bucket 'podinfo' failed: listing objects from bucket 'podinfo' failed: .*AccessDenied/,
  ],
  [
    'has an object that may not be read',
    ({ key }, answer) => key === 'new.yaml' && refuse(answer, 403, 'AccessDenied'),
    /^fetch from bucket 'podinfo' failed: failed to get 'new.yaml' object: .*AccessDenied/,
  ],
  [
    'is overloaded for long',
    ({ key }, answer) => key === 'new.yaml' && refuse(answer, 503, 'SlowDown'),
    /^fetch from bucket 'podinfo' failed: .* answers 503 \(SlowDown\)$/,
  ],
  [
    'wants to be left alone',
    ({ key }, answer) => key === 'new.yaml' && refuse(answer, 503, 'SlowDown', { 'retry-after': '120' }),
    /answers 503 \(SlowDown\)$/,
  ],
  [
    'cuts all answers off',
    ({ key }, answer) => {
      if (key !== 'new.yaml') return false;
      answer.writeHead(200, { etag: '"x"', 'content-length': '5000' });
      answer.write('aaa', () => answer.destroy());
      return true;
    },
    /failed to get 'new.yaml' object: cannot reach|failed to get 'new.yaml' object: .*abort/,
  ],
  [
    'is no bucket',
    ({ method }, answer) => {
      if (method === 'HEAD') return false;
      answer.end('<html><body>Welcome</body></html>');
      return true;
    },
    /answers with no list of objects; is spec\.endpoint right\?/,
  ],
  [
    'answers what is no XML',
    ({ key, method }, answer) => {
      if (key !== '' || method === 'HEAD') return false;
      answer.end('<!DOCTYPE x [<!ENTITY a "b">]><ListBucketResult>&a;</ListBucketResult>');
      return true;
    },
    /answers with what is no XML of a storage/,
  ],
  [
    'lists without an end',
    ({ key, method }, answer) => {
      if (key !== '' || method === 'HEAD') return false;
      answer.end(
        '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>',
      );
      return true;
    },
    /does not come to the end of its list/,
  ],
];
for (const [what, fault, message] of failures)
  test(`a bucket that ${what}: a precise condition, and the last artifact stays`, async () => {
    fill({ 'good.yaml': 'g' });
    const good = await world.reconcile('failing', spec());
    assert.match(conditionText(good, 'Ready')!, /^True/);
    world.events('failing');
    // Contents of its own: what others have fetched would not be fetched again.
    fill({ 'new.yaml': what });
    s3.fault = fault;
    const bucket = await world.again('failing');
    const failed = conditionText(bucket, 'FetchFailed') ?? '';
    assert.match(failed, /^True BucketOperationFailed: /);
    assert.match(failed.replace('True BucketOperationFailed: ', ''), message);
    assert.equal(conditionText(bucket, 'Ready'), failed.replace('True', 'False'));
    assert.equal(conditionText(bucket, 'Stalled'), undefined, 'it is tried again');
    assert.deepEqual(bucket.status.artifact, good.status.artifact);
    assert.match(world.events('failing')[0]!.text, /^error BucketOperationFailed: /);
    s3.fault = undefined;
    const mended = await world.again('failing');
    assert.equal(conditionText(mended, 'FetchFailed'), undefined);
    assert.match(conditionText(mended, 'Ready')!, /^True Succeeded/);
  });

test('a bucket that never answers is given up after spec.timeout', async () => {
  s3.fault = async (_, answer) => {
    await once(answer, 'close');
    return true;
  };
  const bucket = await world.reconcile('silent', spec({ timeout: '1s' }));
  assert.match(
    conditionText(bucket, 'Ready')!,
    /^False BucketOperationFailed: failed to confirm existence of 'podinfo' bucket: listing the bucket took longer than spec\.timeout \(1s\)$/,
  );
});

test('the region that the storage names is used, and told where spec.region is another', async () => {
  const asked: string[] = [];
  s3.fault = ({ headers, method }, answer) => {
    const region = /\/([a-z0-9-]+)\/s3\/aws4_request/.exec(headers.authorization ?? '')?.[1] ?? '';
    asked.push(region);
    if (region === 'eu-central-1') return false;
    if (method === 'HEAD') {
      answer.writeHead(400).end();
      return true;
    }
    answer
      .writeHead(400)
      .end(
        '<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message><Region>eu-central-1</Region></Error>',
      );
    return true;
  };
  fill({ 'a.yaml': 'a' });
  await world.secret('keys', { accesskey: 'AKIA', secretkey: 'hush' });
  const found = await world.reconcile('region', spec({ secretRef: { name: 'keys' } }));
  assert.match(conditionText(found, 'Ready')!, /^True/);
  assert.deepEqual([...new Set(asked)], ['us-east-1', 'eu-central-1']);
  const wrong = await world.reconcile('region', spec({ secretRef: { name: 'keys' }, region: 'us-west-2' }));
  assert.match(
    conditionText(wrong, 'Ready')!,
    /^False BucketOperationFailed: .*AuthorizationHeaderMalformed: wrong; the bucket is in the region eu-central-1: set spec\.region$/,
  );
});

const secrets: [string, Record<string, unknown>, Record<string, string> | undefined, RegExp][] = [
  [
    'a Secret that is not there',
    { secretRef: { name: 's' } },
    undefined,
    /^failed to get secret 'default\/s': secrets "s" not found$/,
  ],
  [
    'a Secret without its keys',
    { secretRef: { name: 's' } },
    { accesskey: 'a' },
    /^invalid 's' secret data: required fields 'accesskey' and 'secretkey'$/,
  ],
  [
    'a Secret of gcp without its key',
    { provider: 'gcp', secretRef: { name: 's' } },
    { accesskey: 'a' },
    /^invalid 's' secret data: required fields 'serviceaccount'$/,
  ],
  [
    'a key of gcp that is no JSON',
    { provider: 'gcp', secretRef: { name: 's' } },
    { serviceaccount: 'x' },
    /serviceaccount.*default\/s.* is not JSON/,
  ],
  [
    'a Secret of azure without its keys',
    { provider: 'azure', secretRef: { name: 's' } },
    { accesskey: 'a' },
    /^invalid 's' secret data: requires a 'clientId' or 'accountKey' field, a combination of 'tenantId', 'clientId' and 'clientSecret', or 'tenantId', 'clientId' and 'clientCertificate'$/,
  ],
  [
    'an STS Secret that is not there',
    { sts: { provider: 'ldap', endpoint: 'http://127.0.0.1:1', secretRef: { name: 's' } } },
    undefined,
    /^failed to get STS secret 'default\/s': secrets "s" not found$/,
  ],
  [
    'an STS Secret without its keys',
    { sts: { provider: 'ldap', endpoint: 'http://127.0.0.1:1', secretRef: { name: 's' } } },
    { username: 'u' },
    /^invalid 's' secret data for 'ldap' STS provider: required fields username, password$/,
  ],
  [
    'a certificate without its key',
    { insecure: false, certSecretRef: { name: 's' } },
    { 'tls.crt': 'c' },
    /'tls\.crt' and 'tls\.key' must be set together/,
  ],
  [
    'a proxy without an address',
    { proxySecretRef: { name: 's' } },
    { username: 'u' },
    /^failed to get proxy URL: .*'address'/,
  ],
  [
    'an endpoint with a scheme',
    { endpoint: 'https://s3.example.com' },
    undefined,
    /spec\.endpoint "https:\/\/s3\.example\.com" is not host\[:port\]/,
  ],
  [
    'a bucket with a slash in its name',
    { bucketName: 'a/../b' },
    undefined,
    /spec\.bucketName "a\/\.\.\/b" is no name of a bucket/,
  ],
  [
    'an endpoint of azure that is no URL',
    { provider: 'azure', endpoint: 'account', insecure: false },
    undefined,
    /spec\.endpoint "account" is no URL/,
  ],
];
for (const [what, more, data, message] of secrets)
  test(`${what}: AuthenticationFailed`, async () => {
    await world.cluster.delete({ apiVersion: 'v1', kind: 'Secret' }, 'default', 's');
    if (data) await world.secret('s', data);
    const bucket = await world.reconcile(`secret-${what.replace(/[^a-z]+/gi, '-').toLowerCase()}`, spec(more));
    const failed = conditionText(bucket, 'FetchFailed') ?? '';
    assert.match(failed, /^True AuthenticationFailed: /);
    assert.match(failed.replace('True AuthenticationFailed: ', ''), message);
    assert.equal(conditionText(bucket, 'Stalled'), undefined);
  });

test('an object that changes nothing writes nothing', async () => {
  fill({ 'a.yaml': 'a' });
  await world.reconcile('still', spec());
  const [before, after] = await undisturbed(await world.again('still'), () => world.again('still'));
  assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
});

test('Buckets with the same question list and fetch once', async () => {
  fill({ 'a.yaml': 'a', 'b.yaml': 'b' });
  const names = ['same-1', 'same-2', 'same-3', 'same-4'];
  const buckets = await Promise.all(names.map(name => world.reconcile(name, spec())));
  s3.seen();
  fill({ 'a.yaml': 'a2' });
  const again = await Promise.all(names.map(name => world.again(name)));
  const seen = s3.seen();
  assert.equal(seen.filter(line => line === 'GET a.yaml').length, 1);
  assert.equal(new Set([...again, ...buckets].map(({ status }) => status.artifact.digest)).size, 2);
  for (const bucket of again) assert.match(conditionText(bucket, 'Ready')!, /^True/);
  // Another secret is another question, even with the same answer.
  await world.secret('mine', { accesskey: 'x', secretkey: 'y' });
  await world.reconcile('same-5', spec({ secretRef: { name: 'mine' } }));
  assert.ok(s3.seen().includes('GET a.yaml'));
});
