/** What DynamoDB does to its callers now and then: limits, conflicts, lost answers, credentials that have run out. */
import assert from 'node:assert/strict';
import { after, afterEach, describe, it } from 'node:test';
import { dynamoClient } from '../../shared/aws/dynamo-client.ts';
import { DynamoIndex } from '../../shared/aws/dynamo-index.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import { type Call, DynamoProxy, type Fate } from './dynamo-proxy.ts';
import { indexed, keyOf, listed } from './indexed-object.ts';
import { freshTable } from './open-index.ts';
import { startAwsServers } from './servers.ts';

const servers = await startAwsServers();
after(() => servers.close());
Object.assign(process.env, servers.env);
const proxy = await DynamoProxy.start(servers.dynamodb);
after(() => proxy.close());
afterEach(() => {
  proxy.fate = () => 'pass';
});

async function opened(): Promise<DynamoIndex> {
  return new DynamoIndex({ table: await freshTable(servers.dynamodb), endpoint: proxy.url, clock: systemClock });
}

/** The first so many calls of an operation meet this, those after them pass. */
function first(count: number, operation: string, fate: Fate): void {
  let left = count;
  proxy.fate = call => (call.operation === operation && left-- > 0 ? fate : 'pass');
}

const refs = (count: number) => Array.from({ length: count }, (_, i) => `east/GitRepository/apps/s${i}`);
const source = (i: number) => keyOf(`s${i}`, { kind: 'GitRepository' });
const overLimit: Fate = { error: 'ProvisionedThroughputExceededException', message: 'The level of … was exceeded' };
const cancelled = (...codes: string[]): Fate => ({
  error: 'TransactionCanceledException',
  message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes.join(', ')}]`,
  more: { CancellationReasons: codes.map(Code => ({ Code })) },
});

describe('limits', () => {
  it('that pass are waited for', async () => {
    const index = await opened();
    first(2, 'UpdateItem', overLimit);
    await index.putObject(indexed('a', { dueAt: 7 }));
    assert.equal((await index.getObject(keyOf('a')))?.dueAt, 7);
    first(2, 'TransactWriteItems', cancelled('None', 'ThrottlingError'));
    await index.putObject(indexed('a', { refs: refs(1) }));
    assert.deepEqual(await index.dependentsOf(source(0)), [keyOf('a')]);
  });

  it('that stay are told as such, after some tries', async () => {
    const index = await opened();
    first(1000, 'UpdateItem', overLimit);
    const { calls } = await proxy.during(() =>
      assert.rejects(index.putObject(indexed('a')), {
        name: 'AwsError',
        code: 'Throttled',
        message: /DynamoDB table index-/,
      }),
    );
    assert.ok(calls.length >= 3 && calls.length <= 5, `${calls.length} calls`);
  });

  it('leave batches unfinished, which are gone on with', async () => {
    const index = await opened();
    const names = Array.from({ length: 60 }, (_, i) => `m${i}`);
    await Promise.all(names.map(name => index.markStarted(keyOf(name), 5)));
    let cut = 0;
    proxy.fate = call => (call.operation === 'BatchWriteItem' && cut++ < 6 ? half(call) : 'pass');
    await index.removeCluster('east');
    assert.ok(cut > 6, 'what was left was sent again');
    for (const name of names) assert.equal(await index.lastStarted(keyOf(name)), 0);
  });
});

/** Does the first half of a batch and gives the rest back, as DynamoDB does over its limits. */
function half({ body }: Call): Fate {
  const [[table, requests]] = Object.entries(body.RequestItems) as [[string, unknown[]]];
  const some = Math.floor(requests.length / 2);
  const done = { ...body, RequestItems: { [table]: requests.slice(0, some) } };
  const left = { [table]: requests.slice(some) };
  if (some === 0) return 'pass';
  return { body: done, answer: answer => ({ ...answer, UnprocessedItems: left }) };
}

describe('transactions of others', () => {
  it('that pass are waited for, by transactions and by plain writes', async () => {
    const index = await opened();
    first(3, 'TransactWriteItems', cancelled('TransactionConflict', 'None', 'None'));
    await index.putObject(indexed('a', { refs: refs(2) }));
    first(3, 'UpdateItem', { error: 'TransactionConflictException', message: 'Transaction is ongoing for the item' });
    await index.putObject(indexed('a', { refs: refs(2), dueAt: 9 }));
    assert.equal((await index.getObject(keyOf('a')))?.dueAt, 9);
    assert.deepEqual(await index.dependentsOf(source(1)), [keyOf('a')]);
  });

  it('that stay in the way are told as such', async () => {
    const index = await opened();
    first(1000, 'TransactWriteItems', cancelled('TransactionConflict', 'None'));
    await assert.rejects(index.putObject(indexed('a', { refs: refs(1) })), {
      code: 'Throttled',
      message: /several tries/,
    });
  });

  it('of which a condition fails for no other reason are begun anew', async () => {
    const index = await opened();
    first(2, 'TransactWriteItems', cancelled('ConditionalCheckFailed', 'None', 'TransactionConflict'));
    await index.putObject(indexed('a', { refs: refs(2) }));
    assert.deepEqual(await index.dependentsOf(source(0)), [keyOf('a')]);
  });
});

describe('an answer that is lost', () => {
  /** Of every operation the first call is done, and its answer lost. */
  const loseFirsts = (of = /./) => {
    const lost = new Set<string>();
    proxy.fate = ({ operation }) =>
      of.test(operation) && !lost.has(operation) && lost.add(operation) ? 'lose' : 'pass';
    return lost;
  };

  it('does not make the first caller of an id, or of a name, a second', async () => {
    const index = await opened();
    for (const id of ['x', 'y']) {
      assert.equal(loseFirsts().size, 0);
      assert.equal(await index.once(id, 60), true);
      assert.equal(await index.once(id, 60), false);
    }
    loseFirsts();
    const record = { name: 'east', access: { type: 'kubeconfig', secret: 's' }, changes: 'sweep', addedAt: 1 } as const;
    assert.equal(await index.addCluster(record), true);
    assert.equal(await index.addCluster(record), false);
    assert.deepEqual(await index.clusters(), [record]);
  });

  it('changes nothing of what a write comes to, in one transaction or in steps', async () => {
    const index = await opened();
    for (const count of [2, 150, 300, 1]) {
      const lost = loseFirsts();
      await index.putObject(indexed('a', { refs: refs(count) }));
      assert.ok(lost.has('UpdateItem') && lost.has('TransactWriteItems'));
      assert.equal((await index.getObject(keyOf('a')))?.refs.length, count);
      assert.deepEqual(await index.dependentsOf(source(count - 1)), [keyOf('a')]);
      assert.deepEqual(await index.dependentsOf(source(count)), []);
    }
    loseFirsts();
    await index.removeObject(keyOf('a'));
    assert.deepEqual(await index.dependentsOf(source(0)), []);
  });

  it('at each step in turn', async () => {
    const index = await opened();
    for (let at = 1; at <= 8; at++) {
      let number = 0;
      proxy.fate = () => (++number === at ? 'lose' : 'pass');
      const count = at % 2 ? 150 : 20;
      await index.putObject(indexed('b', { refs: refs(count) }));
      assert.deepEqual(await index.dependentsOf(source(count - 1)), [keyOf('b')]);
      assert.deepEqual(await index.dependentsOf(source(count)), []);
    }
  });
});

describe('what cannot be asked', () => {
  it('for credentials that have run out says so, and is not asked again', async () => {
    const index = await opened();
    proxy.fate = () => ({
      error: 'ExpiredTokenException',
      message: 'The security token included in the request is expired',
    });
    const { calls } = await proxy.during(() =>
      assert.rejects(index.getObject(keyOf('a')), {
        code: 'CredentialsRefused',
        message: /read the index.*expired.*renew/,
      }),
    );
    assert.equal(calls.length, 1);
  });

  it('for a missing permission says which', async () => {
    const index = await opened();
    proxy.fate = () => ({
      error: 'AccessDeniedException',
      message: 'User: x is not authorized to perform: dynamodb:Query',
    });
    await assert.rejects(index.dependentsOf(keyOf('a')), {
      code: 'AccessDenied',
      message: /may not read the index .*dynamodb:Query/,
    });
  });

  it('for want of the table, or of DynamoDB itself, says where it looked', async () => {
    const table = 'nowhere';
    const lost = new DynamoIndex({ table, endpoint: servers.dynamodb, clock: systemClock });
    await assert.rejects(lost.clusters(), { name: 'AwsError', message: /no DynamoDB table nowhere.*SLUICE_TABLE/ });
    const alone = new DynamoIndex({ table, endpoint: 'http://127.0.0.1:1', clock: systemClock });
    await assert.rejects(alone.markStarted(keyOf('a'), 1), {
      code: 'Unreachable',
      message: /write the index.*ECONNREFUSED/,
    });
  });

  it('is asked by one client per process', () => {
    assert.equal(dynamoClient({ endpoint: proxy.url }), dynamoClient({ endpoint: proxy.url }));
  });
});

describe('what is cut short by a fault', () => {
  it('is finished by the next removal of the cluster', async () => {
    const index = await opened();
    for (let i = 0; i < 40; i++) await index.putObject(indexed(`o${i}`, { refs: refs(2) }));
    // Two partitions go, and the third does not.
    let passing = 2;
    proxy.fate = ({ operation }) =>
      operation !== 'TransactWriteItems' || passing-- > 0 ? 'pass' : { error: 'AccessDeniedException', message: 'no' };
    await assert.rejects(index.removeCluster('east'), { code: 'AccessDenied' });
    const left = await listed(index, 'east');
    assert.ok(left.length > 0 && left.length < 40);
    const linked = (await index.dependentsOf(source(1))).map(({ name }) => name);
    assert.deepEqual(linked.sort(), left.map(({ key }) => key.name).sort());
    proxy.fate = () => 'pass';
    await index.removeCluster('east');
    assert.deepEqual(await listed(index, 'east'), []);
    assert.deepEqual(await index.dependentsOf(source(1)), []);
  });
});
