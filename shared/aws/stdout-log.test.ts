import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that logs to its standard output as `body` says. */
function program(body: string): string[] {
  const source = new URL('./stdout-log.ts', import.meta.url).href;
  const text = `import { stdoutLog } from '${source}'; const clock = { now: () => 1700000000000 }; ${body}`;
  return ['--input-type=module-typescript', '-e', text];
}

function linesOf(body: string): string[] {
  const { stdout, stderr, status } = spawnSync(process.execPath, program(body), {
    maxBuffer: 1 << 28,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const lines = stdout.split('\n');
  assert.equal(lines.pop(), '', 'the last line ends, too');
  return lines;
}

test('a line is one JSON object, whatever is in it, of its level or above', () => {
  const lines = linesOf(`
    const log = stdoutLog(clock, 'warn').with({ function: 'source' });
    log.info('not this');
    log.warn('two\\nlines\\u2028', { token: 'x', error: new Error('why', { cause: new Error('because') }) });`);
  assert.equal(lines.length, 1);
  const { error, ...line } = JSON.parse(lines[0]!);
  assert.deepEqual(line, {
    time: '2023-11-14T22:13:20.000Z',
    level: 'warn',
    message: 'two\\nlines\\u2028'.replace('\\n', '\n').replace('\\u2028', '\u2028'),
    function: 'source',
    token: '[left out]',
  });
  assert.equal(error.cause.message, 'because');
});

test('what was logged is written before the process ends, however it ends', () => {
  assert.deepEqual(
    linesOf(
      `const log = stdoutLog(clock); for (let i = 0; i < 3000; i++) log.info('x'.repeat(100), { i }); process.exit(0);`,
    ).map(line => JSON.parse(line).i),
    Array.from({ length: 3000 }, (_, i) => i),
  );
});

test('a reader that is slow gets every line whole', async () => {
  // The pipe is made one that does not wait, as it is when its other end is a socket of Node's.
  const body = `process.stdout._handle.setBlocking(false);
    const log = stdoutLog(clock); for (let i = 0; i < 200; i++) log.info('é'.repeat(5000), { i });`;
  const child = spawn(process.execPath, program(body), { stdio: ['ignore', 'pipe', 'inherit'] });
  const pieces: Buffer[] = [];
  for await (const piece of child.stdout) {
    pieces.push(piece as Buffer);
    await delay(1);
  }
  if (child.exitCode === null) await once(child, 'exit');
  const lines = Buffer.concat(pieces).toString('utf8').trimEnd().split('\n');
  assert.deepEqual(
    lines.map(line => JSON.parse(line).i),
    Array.from({ length: 200 }, (_, i) => i),
  );
});

test('a line that CloudWatch would not take is shortened to what it is about', () => {
  const [line] = linesOf(
    `stdoutLog(clock).error('failed', { trace: 't1', count: 3, items: Array.from({ length: 60000 }, (_, i) => 'item ' + i), text: 'é'.repeat(1000) });`,
  );
  assert.ok(Buffer.byteLength(line!) < 256 * 1024);
  const { time: _, truncatedFromBytes, text, ...rest } = JSON.parse(line!);
  assert.deepEqual(rest, { level: 'error', message: 'failed', trace: 't1', count: 3 });
  assert.ok(truncatedFromBytes > 600_000);
  assert.equal(text, 'é'.repeat(200));
});
