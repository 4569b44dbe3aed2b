import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { artifactKey, artifactToken, artifactUrl } from '../../shared/artifact/layout.ts';
import { artifactSecret } from '../../shared/controllers/source/artifact-secret.ts';
import { scratch } from '../../shared/local/fixture/start-host.ts';
import { type Host, startHost } from '../../shared/local/host.ts';

describe('artifact function, behind the local gateway', () => {
  let host: Host;
  let url: string;
  const dir = scratch();
  const bytes = randomBytes(3_000_000);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  before(async () => {
    host = await startHost({ dir, threads: 1 });
    await host.ports.store.put(artifactKey(digest), bytes);
    const token = artifactToken(await artifactSecret(host.ports.secrets), digest);
    url = artifactUrl(host.publicUrl, token, digest, 'tar.gz');
  });
  after(() => host.close());

  test('serves the bytes with type, length and digest', async () => {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'application/gzip');
    assert.equal(response.headers.get('content-length'), String(bytes.length));
    assert.equal(response.headers.get('etag'), `"${digest}"`);
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(bytes));
  });

  test('HEAD has no body, a known digest is not sent again, other methods are refused', async () => {
    const head = await fetch(url, { method: 'HEAD' });
    assert.equal(head.headers.get('content-length'), String(bytes.length));
    assert.equal((await head.arrayBuffer()).byteLength, 0);
    assert.equal((await fetch(url, { headers: { 'if-none-match': `"${digest}"` } })).status, 304);
    assert.equal((await fetch(url, { method: 'PUT', body: 'x' })).status, 405);
  });

  test('without the right token there is nothing, whether it is stored or not', async () => {
    const other = `${'A'.repeat(43)}`;
    const forged = await fetch(artifactUrl(host.publicUrl, other, digest, 'tar.gz'));
    const absent = await fetch(artifactUrl(host.publicUrl, other, `sha256:${'0'.repeat(64)}`, 'tar.gz'));
    assert.deepEqual([forged.status, absent.status], [404, 404]);
    assert.equal(await forged.text(), await absent.text());
    assert.equal((await fetch(url.replace(/[0-9a-f]{64}/, '../../secrets/x'))).status, 404);
  });

  test('an artifact that is gone says so', async () => {
    const gone = `sha256:${'1'.repeat(64)}`;
    const token = artifactToken(await artifactSecret(host.ports.secrets), gone);
    const response = await fetch(artifactUrl(host.publicUrl, token, gone, 'tar.gz'));
    assert.equal(response.status, 404);
    assert.match(await response.text(), /no longer stored/);
  });
});
