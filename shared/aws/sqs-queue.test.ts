import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { MessageRefused } from '../ports/message-limits.ts';
import type { QueueMessage } from '../ports/queue.ts';
import { AwsError } from './aws-error.ts';
import { SqsQueue } from './sqs-queue.ts';
import { awsEnvironment } from './testing/environment.ts';
import { type SqsEndpoint, type SqsRefusal, startSqsEndpoint } from './testing/sqs-endpoint.ts';

const base = 'https://sqs.eu-west-1.amazonaws.com/111122223333/sluice-';
const urls = {
  source: `${base}source.fifo`,
  kustomize: `${base}kustomize.fifo`,
  notification: `${base}notification.fifo`,
  timer: `${base}timer`,
};
const opened: SqsEndpoint[] = [];
const restore = awsEnvironment(process.env, 'http://127.0.0.1:9', {
  accessKeyId: 'AKIATEST',
  secretAccessKey: 'kept/secret',
});
after(async () => {
  restore();
  await Promise.all(opened.map(endpoint => endpoint.close()));
});

let sqs: SqsEndpoint;
let queue: SqsQueue;
beforeEach(async () => {
  sqs = await startSqsEndpoint();
  opened.push(sqs);
  queue = new SqsQueue({ urls, region: 'eu-west-1', endpoint: sqs.url });
});

let serial = 0;
function message(group: string, body: string, more: Partial<QueueMessage> = {}): QueueMessage {
  return { queue: 'kustomize', group, dedup: `d${serial++}`, body, ...more };
}

function numbered(groups: number, each: number): QueueMessage[] {
  return Array.from({ length: groups * each }, (_, n) => message(`g${n % groups}`, String(n)));
}

/** Each group's bodies as `numbered` made them. */
function inOrder(groups: number, each: number): Map<string, string[]> {
  return new Map(
    Array.from({ length: groups }, (_, g) => [`g${g}`, Array.from({ length: each }, (_, n) => String(g + n * groups))]),
  );
}

function sorted(groups: Map<string, string[]>): [string, string[]][] {
  return [...groups].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
}

describe('batches', () => {
  test('a thousand objects due at once are a hundred calls, several at a time', async () => {
    await queue.send(numbered(1000, 1));
    assert.equal(sqs.calls.length, 100);
    assert.ok(sqs.calls.every(({ operation, Entries }) => operation === 'SendMessageBatch' && Entries.length === 10));
    assert.ok(sqs.mostAtOnce() > 1 && sqs.mostAtOnce() <= 8, `${sqs.mostAtOnce()} at a time`);
    assert.deepEqual(sorted(sqs.taken(urls.kustomize)), sorted(inOrder(1000, 1)));
  });

  test('a call has at most one message of a group, and the groups stay in order', async () => {
    await queue.send(numbered(30, 7));
    for (const { Entries } of sqs.calls)
      assert.equal(new Set(Entries.map(({ MessageGroupId }) => MessageGroupId)).size, Entries.length);
    assert.deepEqual(sorted(sqs.taken(urls.kustomize)), sorted(inOrder(30, 7)));
  });

  test('a call carries at most 1 MiB, counted in bytes', async () => {
    const sizes = [300, 300, 300, 300, 1024, 1, 1000, 23].map(kib => kib * 1024);
    await queue.send(sizes.map((size, n) => message(`g${n}`, 'ä'.repeat(size / 2))));
    const carried = sqs.calls.map(({ Entries }) =>
      Entries.reduce((sum, { MessageBody }) => sum + Buffer.byteLength(MessageBody), 0),
    );
    assert.ok(
      carried.every(bytes => bytes <= 1024 * 1024),
      carried.join(),
    );
    assert.equal(carried.length, 4);
  });

  test('each queue has its own calls, nothing makes none', async () => {
    await queue.send([message('g', 'k'), message('g', 's', { queue: 'source' }), message('h', 'k2')]);
    assert.deepEqual(sqs.calls.map(({ QueueUrl }) => QueueUrl).sort(), [urls.kustomize, urls.source]);
    await queue.send([]);
    assert.equal(sqs.calls.length, 2);
  });

  test('nothing is sent when a message of them cannot be', async () => {
    await assert.rejects(queue.send([message('g', 'fine'), message('g', '\u0000')]), MessageRefused);
    assert.equal(sqs.calls.length, 0);
  });

  test('groups and ids that SQS refuses are hashed, and stay different', async () => {
    const groups = [
      'c/GitRepository/ns/name',
      'a b',
      'a  b',
      'é',
      'e\u0301',
      '\uD83D',
      '\uD83E',
      'x'.repeat(129),
      ''.padEnd(128, '~'),
    ];
    const looksHashed = 'sha256:b5a4dbcc5ae2b2a1ddbdb3b7bf2e3bd0d9ed1ba5d6c3eba7ba0b0a5a6d8d1f5e';
    await queue.send([...groups, looksHashed].map(group => message(group, 'x', { dedup: `${group}#1` })));
    const entries = sqs.calls.flatMap(({ Entries }) => Entries);
    const sentGroups = entries.map(({ MessageGroupId }) => MessageGroupId);
    const ids = [...sentGroups, ...entries.map(({ MessageDeduplicationId }) => MessageDeduplicationId)];
    assert.equal(new Set(ids).size, 2 * (groups.length + 1));
    for (const id of ids) assert.match(id, /^[!-~]{1,128}$/);
    assert.ok(sentGroups.includes(groups[0]!) && sentGroups.includes(groups.at(-1)!), 'what SQS takes stays as it is');
    assert.ok(!sentGroups.includes(looksHashed));
  });
});

describe('what SQS refuses for a time', () => {
  test('an entry is sent again, and not overtaken by those behind it', async () => {
    const refusals = new Map<string, number>();
    sqs.refuseEntry = ({ MessageBody }) => {
      const times = (refusals.get(MessageBody) ?? 0) + 1;
      refusals.set(MessageBody, times);
      return Number(MessageBody) % 7 === 3 && times <= 2 ? { Code: 'InternalError', SenderFault: false } : undefined;
    };
    await queue.send(numbered(12, 5));
    assert.equal(refusals.get('3'), 3);
    assert.deepEqual(sorted(sqs.taken(urls.kustomize)), sorted(inOrder(12, 5)));
  });

  test('an entry that the answer does not mention counts as not sent', async () => {
    let first = true;
    sqs.refuseEntry = ({ MessageBody }) => {
      if (MessageBody !== '1' || !first) return undefined;
      first = false;
      return 'unmentioned';
    };
    await queue.send(numbered(3, 2));
    assert.deepEqual(sorted(sqs.taken(urls.kustomize)), sorted(inOrder(3, 2)));
  });

  for (const code of ['RequestThrottled', 'ThrottlingException', 'KmsThrottled'])
    test(`${code} of a call is waited for`, async () => {
      let left = 2;
      sqs.refuseCall = () => (left-- > 0 ? { status: 400, code, message: 'Rate exceeded' } : undefined);
      await queue.send(numbered(5, 1));
      assert.equal(sqs.calls.length, 3);
      assert.deepEqual(sorted(sqs.taken(urls.kustomize)), sorted(inOrder(5, 1)));
    });

  test('a 503 and a broken connection are tried again with the same deduplication ids', async () => {
    const troubles: SqsRefusal[] = [{ status: 503, code: 'ServiceUnavailable', message: 'later' }, 'cut'];
    sqs.refuseCall = () => troubles.shift();
    await queue.send(numbered(2, 1));
    const [first, ...again] = sqs.calls.map(({ Entries }) => Entries.map(entry => entry.MessageDeduplicationId));
    assert.deepEqual(again, [first, first]);
  });

  test('throttling without end is an error that says so', async () => {
    sqs.refuseEntry = () => ({ Code: 'RequestThrottled', Message: 'Rate exceeded', SenderFault: true });
    await assert.rejects(queue.send(numbered(2, 2)), (error: AwsError) => {
      assert.equal(error.code, 'Throttled');
      assert.match(error.message, /send 4 messages to the queue kustomize .*4 messages of them could not be sent/);
      return true;
    });
    assert.equal(sqs.calls.length, 5);
    assert.deepEqual(sqs.taken(urls.kustomize), new Map());
  });
});

describe('what SQS refuses for good', () => {
  test('an entry stops its group and nobody else', async () => {
    sqs.refuseEntry = ({ MessageBody }) =>
      MessageBody === '4' ? { Code: 'InvalidMessageContents', Message: 'no', SenderFault: true } : undefined;
    await assert.rejects(queue.send(numbered(3, 3)), (error: AwsError) => {
      assert.ok(error instanceof AwsError);
      assert.equal(error.code, 'Unexpected');
      assert.match(
        error.message,
        /9 messages to the queue kustomize .*2 messages of them .*InvalidMessageContents: no/,
      );
      return true;
    });
    const asked = sqs.calls.flatMap(({ Entries }) => Entries.map(({ MessageBody }) => MessageBody));
    assert.equal(asked.filter(body => body === '4').length, 1, 'it is not asked again');
    const taken = sqs.taken(urls.kustomize);
    assert.deepEqual(sorted(taken), [
      ['g0', ['0', '3', '6']],
      ['g1', ['1']],
      ['g2', ['2', '5', '8']],
    ]);
  });

  test('expired credentials: one call each, and what to do', async () => {
    sqs.refuseCall = () => ({
      status: 403,
      code: 'ExpiredToken',
      message: 'The security token included in the request is expired',
    });
    await assert.rejects(queue.send(numbered(200, 1)), (error: AwsError) => {
      assert.equal(error.code, 'CredentialsRefused');
      assert.match(error.message, /kustomize.*is expired; renew them/);
      assert.doesNotMatch(error.message, /kept\/secret/);
      return true;
    });
    assert.ok(sqs.calls.length <= 8, 'it stops at the first calls');
    await assert.rejects(queue.sendLater(message('g', 'x'), 5), { code: 'CredentialsRefused' });
  });

  test('a queue that is not there', async () => {
    sqs.refuseCall = () => ({
      status: 400,
      code: 'QueueDoesNotExist',
      message: 'The specified queue does not exist.',
    });
    await assert.rejects(queue.send(numbered(1, 1)), {
      message: /queue kustomize \(https:\/\/sqs.*sluice-kustomize\.fifo\): The specified queue does not exist/,
    });
    assert.equal(sqs.calls.length, 1);
  });

  test('one queue that fails does not keep the others from being sent to', async () => {
    sqs.refuseCall = ({ QueueUrl }) =>
      QueueUrl === urls.source ? { status: 400, code: 'QueueDoesNotExist', message: 'gone' } : undefined;
    await assert.rejects(queue.send([message('g', 's', { queue: 'source' }), ...numbered(30, 1)]), /queue source/);
    assert.deepEqual(sorted(sqs.taken(urls.kustomize)), sorted(inOrder(30, 1)));
  });
});

describe('timers', () => {
  test('the message goes to the timer queue as JSON, with its delay', async () => {
    const later = message('a b', '{"text":"🚀\uFFFF"}');
    await queue.sendLater(later, 900);
    const [call] = sqs.calls;
    assert.equal(call?.operation, 'SendMessage');
    assert.equal(call?.QueueUrl, urls.timer);
    assert.equal(call?.DelaySeconds, 900);
    assert.deepEqual(JSON.parse(call!.MessageBody), later);
    assert.doesNotMatch(call!.MessageBody, /\uFFFF/, 'SQS refuses it as it is');
  });

  test('a body that fits alone but not within the timer is refused, with the queue named', async () => {
    const full = message('g', '"'.repeat(600 * 1024));
    await assert.rejects(queue.sendLater(full, 1), { code: 'MessageTooLong', message: /queue timer/ });
    await queue.send([full]);
    assert.deepEqual(
      sqs.calls.map(({ QueueUrl }) => QueueUrl),
      [urls.kustomize],
    );
  });
});
