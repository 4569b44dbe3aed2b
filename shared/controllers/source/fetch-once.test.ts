import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once as onceEmitted } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { asker, comingAgain, keyNamed, storeArtifact } from '../../../test/fixtures/asker.ts';
import { artifactKey } from '../../artifact/layout.ts';
import { localPorts } from '../../local/local-ports.ts';
import { recordOf } from '../../reconcile/record.ts';
import { graceMs } from './artifact-sweep.ts';
import { askOnce, fetchOnce, type Question } from './fetch-once.ts';
import { SharedFailure } from './fetch-once-record.ts';
import { BusyElsewhere } from './fetch-once-turn.ts';

/** An installation of its own; two ports on one directory are two workers. */
function installation() {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const clock = { ahead: 0, now: () => Date.now() + clock.ahead };
  const [east, west] = [1, 2].map(() => localPorts({ dir, publicUrl: 'http://127.0.0.1', clock }));
  after(() => {
    east!.close();
    west!.close();
    rmSync(dir, { recursive: true });
  });
  return { dir, clock, east: east!, west: west! };
}

let urls = 0;
const question = (over: Partial<Question> = {}): Question => ({
  kind: 'git',
  url: `https://example.com/${++urls}.git`,
  revision: '1',
  shape: { ignore: '*.md', sparseCheckout: ['a'] },
  credentials: ['user', 'password'],
  ...over,
});

test('of workers in several processes one asks and one fetches; all are told the same', async () => {
  const { dir } = installation();
  const script = fileURLToPath(new URL('../../../test/fixtures/asker.ts', import.meta.url));
  const processes = ['east', 'west', 'north'].map(name =>
    spawn(process.execPath, [script, dir, name, '20'], { stdio: ['ignore', 'inherit', 'inherit'] }),
  );
  for (const [code] of await Promise.all(processes.map(child => onceEmitted(child, 'exit')))) assert.equal(code, 0);
  const done = readFileSync(join(dir, 'done.txt'), 'utf8').trim().split('\n');
  assert.equal(done.filter(line => line === 'asked').length, 1);
  assert.equal(done.filter(line => line === 'fetched').length, 1);
  assert.equal(done.filter(line => line === 'told v1 aa Begin').length, 60);
});

test('other credentials, rules, revisions and URLs are other questions; the order of fields is not', async () => {
  const { east, west } = installation();
  const asked = question();
  let fetches = 0;
  const fetch = async () => {
    fetches++;
    return storeArtifact(east, 'b');
  };
  await fetchOnce(asker(east, 'c/one'), asked, fetch);
  await fetchOnce(asker(west, 'd/two'), { ...asked, shape: { sparseCheckout: ['a'], ignore: '*.md' } }, fetch);
  assert.equal(fetches, 1);
  const others: Partial<Question>[] = [
    { credentials: [] },
    { credentials: ['user', 'Password'] },
    { credentials: ['userpassword'] },
    { credentials: ['password', 'user'] },
    { shape: { ignore: '*.md' } },
    { shape: { ignore: '*.md', sparseCheckout: ['b'] } },
    { revision: '2' },
    { kind: 'oci' },
    { url: question().url },
  ];
  for (const [n, other] of others.entries()) {
    await fetchOnce(asker(west, 'd/two'), { ...asked, ...other }, fetch);
    assert.equal(fetches, n + 2, JSON.stringify(other));
  }
});

test('nothing of the credentials or the address is in the store, nor the same name in another installation', async () => {
  const [first, second] = [installation(), installation()];
  const asked = question({ credentials: ['flux', 'correct horse'] });
  for (const { east } of [first, second]) await fetchOnce(asker(east, 'c/one'), asked, () => storeArtifact(east, 'c'));
  const names = ({ dir }: typeof first) =>
    readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(name => name.includes('fetches/'));
  assert.equal(names(first).length, 1);
  assert.notDeepEqual(names(first), names(second));
  const text = readFileSync(join(first.dir, names(first)[0]!), 'utf8');
  assert.doesNotMatch(text, /correct horse|flux|example/);
});

test('an answer counts only if it was asked for after the message that calls for it', async () => {
  const { east, west, clock } = installation();
  const asked = question();
  let asks = 0;
  const ask = (ports: typeof east, name: string, askedAt: number, startedAt = clock.now()) =>
    askOnce(asker(ports, name, { askedAt, startedAt }), asked, z.number(), async () => ++asks);
  const sent = clock.now() - 1000;
  assert.equal(await ask(east, 'c/one', clock.now()), 1);
  assert.equal(await ask(west, 'd/two', sent), 1, 'asked since');
  clock.ahead += 1000;
  assert.equal(await ask(west, 'd/two', clock.now()), 2, 'a push may have come since');
  assert.equal(await ask(east, 'c/one', clock.now() - 50), 3, 'clocks may differ by that much');
});

test('what came between the answer and the start of the reconcile is not taken for seen', async () => {
  const { east, west, clock } = installation();
  const asked = question();
  const before = clock.now();
  await askOnce(asker(east, 'c/one', { askedAt: before - 1000 }), asked, z.number(), async () => 1);
  const answered = clock.now();
  clock.ahead += 60_000;
  const startedAt = clock.now();
  await west.index.markStarted(keyNamed('d/two'), startedAt);
  const work = asker(west, 'd/two', { askedAt: before - 500, startedAt });
  assert.equal(await askOnce(work, asked, z.number(), async () => 2), 1);
  const mark = await west.index.lastStarted(keyNamed('d/two'));
  assert.ok(mark >= before && mark <= answered, 'as old as the answer');
});

test('what was fetched counts only while its artifact is there, and no sweep may be about to delete it', async () => {
  const { east, west, clock } = installation();
  const asked = question();
  let fetches = 0;
  const fetch = async () => {
    fetches++;
    return storeArtifact(east, 'd');
  };
  const { digest } = await fetchOnce(asker(east, 'c/one'), asked, fetch);
  await fetchOnce(asker(west, 'd/two'), asked, fetch);
  assert.equal(fetches, 1);
  await east.store.delete([artifactKey(digest)]);
  await fetchOnce(asker(west, 'd/two'), asked, fetch);
  assert.equal(fetches, 2, 'it was deleted');
  clock.ahead += graceMs / 2 + 1000;
  await fetchOnce(asker(west, 'd/two'), asked, fetch);
  assert.equal(fetches, 3, 'it is old');
});

test('a failure is shared with those who wait, and with nobody who comes later or has more patience', async () => {
  const { east, west, clock } = installation();
  let asks = 0;
  const asked = question({
    timeoutMs: 5000,
    failure: error => ({ reason: 'GitOperationFailed', message: `no: ${(error as Error).message}`, stalled: false }),
  });
  const sent = clock.now() - 1000;
  const ask = async () => {
    asks++;
    await delay(50);
    throw new Error('refused');
  };
  const attempt = (ports: typeof east, askedAt: number, over: Partial<Question> = {}) =>
    comingAgain(() => askOnce(asker(ports, 'c/one', { askedAt }), { ...asked, ...over }, z.string(), ask)).then(
      () => assert.fail('it cannot succeed'),
      error => error,
    );
  const errors = await Promise.all([east, west, east, west].map(ports => attempt(ports, sent)));
  assert.equal(asks, 1);
  const shared = errors.filter(error => error instanceof SharedFailure);
  assert.equal(shared.length, 3);
  assert.deepEqual(shared[0]?.failure, { reason: 'GitOperationFailed', message: 'no: refused', stalled: false });
  await attempt(west, sent, { timeoutMs: 6000 });
  assert.equal(asks, 2, 'who waits longer may succeed');
  clock.ahead += 1000;
  await attempt(west, clock.now());
  assert.equal(asks, 3, 'who is called later may succeed');
  const { failure: _, ...alone } = asked;
  await askOnce(asker(west, 'c/one', { askedAt: sent }), alone, z.string(), ask).catch(() => {});
  assert.equal(asks, 4, 'who does not share');
});

test('who waits too long is to come again; a worker that died frees the place when its time is over', async () => {
  const { east, west, clock } = installation();
  const asked = question();
  const [begun, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = fetchOnce(asker(east, 'c/one'), asked, async () => {
    begun.resolve();
    await release.promise;
    return storeArtifact(east, 'e');
  });
  await begun.promise;
  const busy = await fetchOnce(asker(west, 'd/two'), asked, () => storeArtifact(west, 'f')).catch(error => error);
  assert.ok(busy instanceof BusyElsewhere && busy.afterMs > 0);
  release.resolve();
  await slow;
  // As a worker that was killed leaves it.
  const dead = question();
  const claims: string[] = [];
  const once = west.index.once.bind(west.index);
  west.index.once = (id, ttlSeconds) => {
    claims.push(id);
    return once(id, ttlSeconds);
  };
  await fetchOnce(asker(west, 'd/two'), dead, () => storeArtifact(west, 'f'));
  await west.store.delete([artifactKey(`sha256:${'f'.repeat(64)}`)]);
  assert.equal(await east.index.once(claims[0]!, 30), true, 'the place was freed');
  clock.ahead += 31_000;
  assert.equal((await fetchOnce(asker(west, 'd/two'), dead, () => storeArtifact(west, 'f'))).size, 8);
});

test('who is the only one to use a URL asks without ado', async () => {
  const { east } = installation();
  const { url, ...rest } = question();
  const object = (name: string) => ({
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'GitRepository',
    metadata: { namespace: 'ns', name },
    spec: { url },
  });
  await east.index.putObject(recordOf(keyNamed('c/one'), object('one'), 0));
  let asks = 0;
  const ask = () => askOnce(asker(east, 'c/one', { askedAt: 0 }), { url, ...rest }, z.number(), async () => ++asks);
  assert.deepEqual([await ask(), await ask()], [1, 2]);
  await east.index.putObject(recordOf(keyNamed('d/two'), object('two'), 0));
  assert.deepEqual([await ask(), await ask()], [3, 3]);
});
