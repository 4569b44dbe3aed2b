import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { statePaths } from '../local/state-dir.ts';
import { follow, run } from './logs.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-logs-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const { log } = statePaths(dir);
mkdirSync(dirname(log), { recursive: true });

const line = (message: string, fields: Record<string, unknown> = {}) =>
  `${JSON.stringify({ time: new Date().toISOString(), level: 'info', message, ...fields })}\n`;
writeFileSync(`${log}.1`, line('oldest', { time: '2020-01-01T00:00:00.000Z', object: 'east/Kustomization/apps/web' }));
writeFileSync(
  log,
  [
    line('reconciled', { object: 'east/Kustomization/apps/web', trace: 't1', durationMs: 12 }),
    line('reconcile failed', {
      level: 'error',
      object: 'west/GitRepository/apps/web',
      trace: 't2',
      error: 'no such branch',
    }),
    line('posted', { object: 'Kustomization/apps/api', cluster: 'east', trace: 't1' }),
    line('ready'),
    '{"cut',
  ].join(''),
);

async function logs(...args: string[]): Promise<{ exit: number; out: string[]; err: string[] }> {
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (text: string) => out.push(text), err: (text: string) => err.push(text), env: {}, cwd: dir };
  return { exit: await run([...args, '--dir', dir], io), out, err };
}

const messages = async (...args: string[]) =>
  (await logs('-o', 'json', ...args)).out.map(text => JSON.parse(text).message);

test('lines are chosen by object, trace, level and age; what was rotated comes first, what is cut is left out', async () => {
  const table: [string[], string[]][] = [
    [[], ['oldest', 'reconciled', 'reconcile failed', 'posted', 'ready']],
    [
      ['--cluster', 'east'],
      ['oldest', 'reconciled', 'posted'],
    ],
    [
      ['--kind', 'kustomization'],
      ['oldest', 'reconciled', 'posted'],
    ],
    [
      ['-n', 'apps', '--name', 'web'],
      ['oldest', 'reconciled', 'reconcile failed'],
    ],
    [
      ['--trace', 't1'],
      ['reconciled', 'posted'],
    ],
    [['--level', 'warn'], ['reconcile failed']],
    [
      ['--since', '1h', '--name', 'web'],
      ['reconciled', 'reconcile failed'],
    ],
    [
      ['--tail', '2'],
      ['posted', 'ready'],
    ],
    [['--tail', '0'], []],
  ];
  for (const [args, expected] of table) assert.deepEqual(await messages(...args), expected, args.join(' '));
});

test('a line of text says when, what, which object, and the rest', async () => {
  const { out } = await logs('--level', 'error');
  assert.match(
    out.join('\n'),
    /^\S+Z error west\/GitRepository\/apps\/web reconcile failed trace=t2 error="no such branch"$/,
  );
});

test('what cannot be understood is named', async () => {
  for (const [args, expected] of [
    [['--level', 'loud'], /--level is "loud"/],
    [['--since', 'soon'], /--since is "soon"/],
    [['--tail', '-1'], /--tail|-1/],
    [['-o', 'yaml'], /--output is "yaml"/],
  ] as const) {
    const { exit, err } = await logs(...args);
    assert.equal(exit, 2);
    assert.match(err.join('\n'), expected);
  }
  const err: string[] = [];
  const io = { out: () => {}, err: (text: string) => err.push(text), env: {}, cwd: dir };
  assert.equal(await run(['--dir', join(dir, 'absent')], io), 1);
  assert.match(err.join('\n'), /there is no log in .*absent/);
});

test('following goes on with what is appended, and when the file begins anew', async () => {
  const followed = join(dir, 'followed.log');
  writeFileSync(followed, line('before'));
  const seen: string[] = [];
  const end = new AbortController();
  const following = follow(followed, text => seen.push(parsedMessage(text)), end.signal);
  appendFileSync(followed, line('first'));
  await until(() => seen.includes('first'));
  writeFileSync(followed, '');
  // Not at once: a file that is as long again between two looks shows no new beginning.
  await until(() => {
    appendFileSync(followed, line('second'));
    return seen.includes('second');
  }, 300);
  end.abort();
  await following;
  assert.equal(seen[0], 'first');
});

const parsedMessage = (text: string) => JSON.parse(text).message as string;

async function until(holds: () => boolean, pauseMs = 20): Promise<void> {
  while (!holds()) await new Promise(resolve => setTimeout(resolve, pauseMs));
}
