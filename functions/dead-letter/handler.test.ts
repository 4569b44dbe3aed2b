import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { localPorts } from '../../shared/local/local-ports.ts';
import { messageOf, workItem } from '../../shared/reconcile/work-item.ts';
import { unreachableKubeconfig } from '../../test/fixtures/installed.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-dead-letter-'));
process.env.SLUICE_DIR = dir;
const { handler } = await import('./handler.ts');
const local = localPorts({ dir, publicUrl: '' });
after(() => {
  local.close();
  rmSync(dir, { recursive: true, force: true });
});

const record = (messageId: string, body: unknown, receives = 1): SQSRecord => ({
  messageId,
  receiptHandle: messageId,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  attributes: {
    ApproximateReceiveCount: String(receives),
    SentTimestamp: '1',
    SenderId: 'x',
    ApproximateFirstReceiveTimestamp: '1',
  },
  messageAttributes: {},
  md5OfBody: '',
  eventSource: 'aws:sqs',
  eventSourceARN: 'arn:aws:sqs:eu-west-1:123456789012:sluice-notification-dlq.fifo',
  awsRegion: 'eu-west-1',
});
/** The messages that stay in their queue. */
async function take(...records: SQSRecord[]): Promise<string[]> {
  const event: SQSEvent = { Records: records };
  const answer = (await handler(event, { awsRequestId: 'r' } as Context)) as SQSBatchResponse;
  return answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
}
let told = 0;
/** What was logged since the last call. */
function logged(): Record<string, unknown>[] {
  const lines = readFileSync(join(dir, 'logs', 'sluice.log'), 'utf8')
    .trim()
    .split('\n');
  const fresh = lines.slice(told);
  told = lines.length;
  return fresh.map(line => JSON.parse(line));
}

const key = { cluster: 'away', kind: 'Kustomization', namespace: 'ns', name: 'app' };
const item = workItem(key, { reason: 'change', trace: 't1', sentAt: 1 });
const event = {
  type: 'event',
  cluster: 'away',
  trace: 't2',
  involvedObject: { kind: 'GitRepository', namespace: 'ns', name: 'repo', new: 'field' },
};

test('what has no object to tell stays, and is said once at error level', async () => {
  const bodies: [string, unknown, object][] = [
    ['no-json', '{"type": "reconcile"', {}],
    ['no-type', [1], {}],
    ['unknown-type', { type: 'novel', trace: 't' }, { type: 'novel', trace: 't' }],
    ['unknown-field', { ...item, novel: 1 }, { type: 'reconcile', trace: 't1', object: 'away/Kustomization/ns/app' }],
    ['unknown-kind', { ...item, kind: 'ImagePolicy' }, { type: 'reconcile', object: 'away/ImagePolicy/ns/app' }],
    ['event', event, { type: 'event', trace: 't2', object: 'away/GitRepository/ns/repo' }],
    [
      'again',
      { type: 'notify', event, attempt: 3 },
      { type: 'notify', trace: 't2', object: 'away/GitRepository/ns/repo' },
    ],
    ['timer', messageOf(item), { type: 'reconcile', trace: 't1', object: 'away/Kustomization/ns/app' }],
  ];
  const ids = bodies.map(([id]) => id);
  const records = (receives: number) => bodies.map(([id, body]) => record(id, body, receives));
  assert.deepEqual(await take(...records(4)), ids);
  const lines = logged();
  assert.equal(lines.length, bodies.length);
  for (const [id, , about] of bodies) {
    const line = lines.find(({ messageId }) => messageId === id);
    assert.ok(line, id);
    assert.equal(line.level, 'error');
    assert.match(String(line.message), /was given up; it stays in the dead-letter queue/);
    assert.equal(line.queue, 'sluice-notification-dlq.fifo');
    assert.deepEqual({ ...line, ...about }, line, id);
  }
  assert.deepEqual(await take(...records(5)), ids, 'they stay');
  assert.deepEqual(logged(), []);
});

test('what an unknown message holds is not logged', async () => {
  const body = { type: 'novel', path: '/hook/geheim', headers: { a: 'geheim' }, body: 'geheim', name: ['geheim'] };
  assert.deepEqual(await take(record('hidden', body), record('text', 'geheim')), ['hidden', 'text']);
  assert.doesNotMatch(JSON.stringify(logged()), /geheim/);
});

test('a work item stays until its object can be told, and goes when its cluster is no longer registered', async () => {
  await local.secrets.put('away', unreachableKubeconfig);
  const access = { type: 'kubeconfig', secret: 'away' } as const;
  await local.index.addCluster({ name: 'away', access, changes: 'watch', addedAt: 1 });
  assert.deepEqual(await take(record('item', item), record('poison', 'x')), ['item', 'poison']);
  const given = logged().filter(({ level }) => level === 'error');
  assert.deepEqual(
    given.map(({ messageId, object, trace }) => ({ messageId, object, trace })),
    [
      { messageId: 'item', object: 'away/Kustomization/ns/app', trace: 't1' },
      { messageId: 'poison', object: undefined, trace: undefined },
    ],
  );
  await local.index.removeCluster('away');
  assert.deepEqual(await take(record('item', item, 2), record('poison', 'x', 2)), ['poison']);
});
