import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { localPorts } from '../../shared/local/local-ports.ts';
import { unreachableKubeconfig } from '../../test/fixtures/installed.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-webhook-'));
process.env.SLUICE_DIR = dir;
process.env.SLUICE_HOOK_DEADLINE_MS = '500';
const { handler } = await import('./handler.ts');
const local = localPorts({ dir, publicUrl: '' });
after(() => {
  local.close();
  rmSync(dir, { recursive: true, force: true });
});

const path = `/hook/${'a'.repeat(64)}`;
/** As API Gateway hands it over: payload format 2.0. */
function event(change: Partial<APIGatewayProxyEventV2> = {}): APIGatewayProxyEventV2 {
  return {
    version: '2.0',
    routeKey: 'POST /hook/{path}',
    rawPath: path,
    rawQueryString: '',
    headers: { 'content-type': 'application/json', 'x-gitlab-token': 'a-token', 'x-gitlab-event': 'Push Hook' },
    requestContext: {} as APIGatewayProxyEventV2['requestContext'],
    isBase64Encoded: false,
    body: '{"object_kind":"push"}',
    ...change,
  };
}
const call = async (change?: Partial<APIGatewayProxyEventV2>) =>
  (await handler(event(change), {} as Context)) as APIGatewayProxyStructuredResultV2;

describe('functions/webhook', () => {
  it('answers an unknown path with 404 and a trace', async () => {
    const answer = await call();
    assert.equal(answer.statusCode, 404);
    assert.equal(answer.body, 'no Receiver has this path\n');
    assert.match(String(answer.headers?.['x-sluice-trace']), /^[0-9a-f]{32}$/);
  });

  it('answers a request without a body', async () =>
    assert.equal((await call({ body: undefined as never })).statusCode, 404));

  it('counts the bytes of what was encoded, not its letters', async () => {
    const body = Buffer.alloc(3 * 1024 * 1024 + 1, 0x80).toString('base64');
    const answer = await call({ body, isBase64Encoded: true });
    assert.equal(answer.statusCode, 413);
    assert.match(String(answer.body), /^the body has 3145729 bytes; at most 3145728 are taken/);
  });

  it('refuses a body over the limit before anything is made of it, and keeps nothing', async () => {
    const limit = 3 * 1024 * 1024;
    // Broken JSON to a path that is none and to one that is unknown: neither is looked at.
    for (const rawPath of ['/hook/x', path]) {
      const answer = await call({ rawPath, body: `{${'é'.repeat(limit / 2)}` });
      assert.equal(answer.statusCode, 413);
      assert.match(String(answer.body), /^the body has 3145729 bytes;.*push events only\n$/);
      const log = readFileSync(join(dir, 'logs', 'sluice.log'), 'utf8');
      const lines = log.split('\n').filter(line => line.includes(String(answer.headers?.['x-sluice-trace'])));
      assert.equal(lines.length, 1);
      assert.match(lines[0]!, /too large.*3145729/);
      assert.doesNotMatch(lines[0]!, /hook\/|a-token/);
    }
    for (const queue of ['source', 'kustomize', 'notification', 'timer'] as const)
      assert.equal(local.queue.depth(queue), 0, queue);
    for await (const object of local.store.list('')) assert.fail(`${object.key} was kept`);
    const answer = await call({ body: 'x'.repeat(limit) });
    assert.equal(answer.statusCode, 404, 'the limit itself is taken');
  });

  it('keeps what came for a cluster that is away, byte for byte, and no token', async () => {
    await local.secrets.put('away', unreachableKubeconfig);
    await local.index.addCluster({
      name: 'away',
      access: { type: 'kubeconfig', secret: 'away' },
      changes: 'watch',
      addedAt: 1,
    });
    const key = { cluster: 'away', kind: 'Receiver', namespace: 'flux-system', name: 'hook' };
    const summary = {
      ready: 'True' as const,
      reason: '',
      message: '',
      revision: '',
      suspended: false,
      createdAt: 0,
      since: 0,
    };
    await local.index.putObject({
      key,
      uid: '',
      generation: 1,
      resourceVersion: '1',
      dueAt: 0,
      refs: [],
      urls: [],
      hookPath: path,
      summary,
    });
    const bytes = Buffer.from([0, 255, 254, 128, 10]);
    const answer = await call({ body: bytes.toString('base64'), isBase64Encoded: true });
    assert.equal(answer.statusCode, 202);
    const kept: string[] = [];
    for await (const object of local.store.list('pending/')) kept.push(object.key);
    assert.equal(kept.length, 1);
    const { body } = (await local.store.get(kept[0]!))!;
    assert.deepEqual(Buffer.concat(await body.toArray()), bytes);
    assert.equal(local.queue.depth('timer'), 1);
  });
});
