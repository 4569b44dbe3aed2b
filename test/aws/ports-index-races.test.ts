/** Objects and their links, when several write the same object at the same time, and when one dies half-way. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { keyString, parseKey } from '../../shared/api/object.ts';
import { dynamoClient } from '../../shared/aws/dynamo-client.ts';
import { DynamoIndex } from '../../shared/aws/dynamo-index.ts';
import { isLink } from '../../shared/aws/dynamo-table.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import { DynamoProxy, type Fate } from './dynamo-proxy.ts';
import type { Writing } from './index-writer.ts';
import { indexed, keyOf } from './indexed-object.ts';
import { freshTable } from './open-index.ts';
import { startAwsServers } from './servers.ts';

const servers = await startAwsServers();
after(() => servers.close());
Object.assign(process.env, servers.env);
const endpoint = servers.dynamodb;

const script = fileURLToPath(new URL('./index-writer.ts', import.meta.url));

function write(writing: Writing): ChildProcess {
  return spawn(process.execPath, [script, JSON.stringify(writing)], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function open(table: string): DynamoIndex {
  return new DynamoIndex({ table, endpoint, clock: systemClock });
}

/** `from` to `to` of a long list of sources. */
function sources(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `east/GitRepository/apps/s${from + i}`);
}

/** What the table holds of links, as `ref#… owner`. */
async function links(table: string): Promise<string[]> {
  const found: string[] = [];
  let next: ScanCommand['input']['ExclusiveStartKey'];
  do {
    const scan = new ScanCommand({ TableName: table, ConsistentRead: true, ExclusiveStartKey: next });
    const page = await dynamoClient({ endpoint }).send(scan);
    for (const item of page.Items ?? []) {
      const [pk, sk] = [item.pk!.S!, item.sk!.S!];
      if (isLink({ pk, sk })) found.push(`${pk} ${sk}`);
    }
    next = page.LastEvaluatedKey;
  } while (next);
  return found.sort();
}

async function assertExact(table: string, name: string): Promise<void> {
  const refs = (await open(table).getObject(keyOf(name)))?.refs ?? [];
  assert.deepEqual(await links(table), refs.map(ref => `ref#${ref} ${keyString(keyOf(name))}`).sort());
}

/** What the reconcile relies on: what the index says an object refers to, wakes it. */
async function assertLinked(index: DynamoIndex, name: string): Promise<void> {
  const before = await index.getObject(keyOf(name));
  if (!before) return;
  for (const ref of [before.refs[0], before.refs.at(-1)]) {
    if (!ref) continue;
    const found = (await index.dependentsOf(parseKey(ref))).map(keyString);
    const now = await index.getObject(keyOf(name));
    if (now?.uid !== before.uid) return;
    assert.ok(found.includes(keyString(keyOf(name))), `${ref} does not wake ${name}`);
  }
}

describe('writers of one object in several processes', () => {
  const races: [string, (string[] | null)[][], number][] = [
    ['with few links', [[sources(0, 3)], [sources(2, 5), []], [sources(0, 1), sources(4, 6)]], 20],
    ['with more links than a transaction has actions', [[sources(0, 150)], [sources(100, 260)], [sources(0, 2)]], 3],
    ['and removers', [[sources(0, 3), null], [sources(2, 130), null], [sources(1, 4)]], 5],
  ];
  for (const [title, writers, rounds] of races)
    it(`${title} leave the links of one of them`, async () => {
      const table = await freshTable(endpoint);
      const children = writers.map(sets => write({ table, endpoint, name: 'contested', sets, rounds }));
      const ended = Promise.all(children.map(child => once(child, 'exit')));
      let over = false;
      void ended.then(() => {
        over = true;
      });
      const index = open(table);
      while (!over) await assertLinked(index, 'contested');
      assert.deepEqual(
        (await ended).map(([code]) => code),
        [0, 0, 0],
      );
      await assertExact(table, 'contested');
      await index.removeObject(keyOf('contested'));
      assert.deepEqual(await links(table), []);
    });
});

describe('another write between any two calls of a write', () => {
  const before = sources(0, 4);
  const sets: [string, string[] | null][] = [
    ['of few links', sources(2, 6)],
    ['of many links', sources(2, 130)],
    ['that removes', null],
  ];
  const put = (index: DynamoIndex, refs: string[] | null, uid: string) =>
    refs ? index.putObject(indexed('shared', { refs, uid })) : index.removeObject(keyOf('shared'));
  for (const [one, mine] of sets)
    for (const [other, theirs] of [...sets, ['of other few', sources(1, 3)] as const])
      it(`${other}, into one ${one}`, async () => {
        // The first time without, to learn how many calls there are.
        for (let at = 0, calls = 0; at <= calls; at++) {
          const table = await freshTable(endpoint);
          const index = open(table);
          await index.putObject(indexed('shared', { refs: before }));
          const proxy = await DynamoProxy.start(endpoint);
          proxy.fate = async (_, number): Promise<Fate> => {
            if (number === at) await put(index, theirs, 'theirs');
            return 'pass';
          };
          await put(new DynamoIndex({ table, endpoint: proxy.url, clock: systemClock }), mine, 'mine');
          await proxy.close();
          if (at === 0) calls = proxy.calls.length;
          await assertExact(table, 'shared');
          const now = await index.getObject(keyOf('shared'));
          if (now) assert.deepEqual(now.refs, now.uid === 'theirs' ? theirs : mine);
          else assert.ok(mine === null || (at > 0 && theirs === null), 'somebody removed it');
        }
      });
});

describe('a writer that is killed', () => {
  const old = sources(0, 130);
  const written: [string, string[] | null][] = [
    ['with other links', sources(100, 260)],
    ['removing', null],
  ];
  for (const [title, refs] of written)
    it(`${title}, after any of its calls, leaves no link missing, and nothing for good`, async () => {
      let died = true;
      // Held after the first call, after the second, and so on, until it comes to its end.
      for (let passing = 0; died; passing++) {
        assert.ok(passing < 20);
        const table = await freshTable(endpoint);
        const index = open(table);
        await index.putObject(indexed('big', { refs: old }));
        died = await killedAfter(passing, { table, endpoint, name: 'big', sets: [refs], rounds: 1 });
        const now = await index.getObject(keyOf('big'));
        const present = await links(table);
        for (const ref of now?.refs ?? []) assert.ok(present.includes(`ref#${ref} ${keyString(keyOf('big'))}`), ref);
        if (!died) assert.deepEqual(now?.refs, refs ?? undefined);
        await (passing % 2
          ? index.removeObject(keyOf('big'))
          : index.putObject(indexed('big', { refs: old.slice(5) })));
        await assertExact(table, 'big');
      }
    });

  it('leaves nothing that clear does not find', async () => {
    const table = await freshTable(endpoint);
    const index = open(table);
    assert.ok(await killedAfter(3, { table, endpoint, name: 'big', sets: [old], rounds: 1 }));
    assert.equal(await index.getObject(keyOf('big')), undefined);
    assert.ok((await links(table)).length > 0);
    await index.clear();
    assert.deepEqual(await links(table), []);
  });
});

/** Lets so many calls of a writer pass, and kills it (-9) at the next; false when it ended before. */
async function killedAfter(passing: number, writing: Writing): Promise<boolean> {
  const proxy = await DynamoProxy.start(endpoint);
  try {
    const held = new Promise<'held'>(resolve => {
      proxy.fate = (_, number) => {
        if (number <= passing) return 'pass';
        resolve('held');
        return 'hold';
      };
    });
    const child = write({ ...writing, endpoint: proxy.url });
    const ended = once(child, 'exit');
    const died = (await Promise.race([held, ended])) === 'held';
    child.kill('SIGKILL');
    await ended;
    return died;
  } finally {
    await proxy.close();
  }
}
