import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileLog, onLogLine, rotateLog } from './file-log.ts';
import { linesOf, scratch } from './fixture/start-host.ts';

const clock = { now: () => Date.UTC(2026, 0, 2) };

test('a line holds time, level, message and fields; errors with code and cause; nothing below the level', () => {
  const file = join(scratch(), 'logs', 'x.log');
  const log = fileLog(file, clock, 'warn').with({ trace: 't' });
  const cause = Object.assign(new Error('inner'), { code: 'X' });
  log.info('not this');
  log.error('went wrong', { error: new Error('outer', { cause }) });
  const [line, none] = linesOf(file).map(text => JSON.parse(text));
  assert.equal(none, undefined);
  assert.deepEqual(
    [line.time, line.level, line.message, line.trace],
    ['2026-01-02T00:00:00.000Z', 'error', 'went wrong', 't'],
  );
  assert.deepEqual([line.error.message, line.error.cause.message, line.error.cause.code], ['outer', 'inner', 'X']);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('fields that are named as credentials are left out, at any depth', () => {
  const file = join(scratch(), 'x.log');
  fileLog(file, clock).info('x', { token: 'hunter2', headers: { Authorization: 'Bearer hunter2' }, name: 'kept' });
  const text = linesOf(file).join();
  assert.doesNotMatch(text, /hunter2/);
  assert.match(text, /kept/);
});

test('lines can be listened to, and a large file is set aside', () => {
  const file = join(scratch(), 'x.log');
  const heard: unknown[] = [];
  const stop = onLogLine(line => heard.push(line.message));
  const stopFew = onLogLine(line => heard.push(`wanted ${line.message}`), new Set(['two']));
  fileLog(file, clock).info('one');
  stop();
  const log = fileLog(file, clock);
  log.info('two');
  stopFew();
  log.info('three');
  assert.deepEqual(heard, ['one', 'wanted two']);
  rotateLog(file, 10);
  assert.equal(linesOf(file).length, 0);
  assert.equal(linesOf(`${file}.1`).length, 3);
  log.info('four');
  assert.equal(linesOf(file).length, 1, 'who had it open goes on in it');
});
