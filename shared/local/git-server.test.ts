import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { writeArchive } from '../artifact/archive.ts';
import { ignoreMatcher } from '../artifact/ignore.ts';
import { sourceEntries } from '../artifact/source-filter.ts';
import { connectRemote } from '../git/remote.ts';
import { until } from './fixture/start-host.ts';
import { fastImport } from './git-repository.ts';
import { commitFiles, createRepository, type GitServer, startGitServer } from './git-server.ts';

const run = promisify(execFile);
let root: string;
let server: GitServer;
const pushes: string[] = [];

before(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'sluice-git-server-test-'));
  server = await startGitServer({
    root,
    onPush: (name, { ref, before, after }) => pushes.push(`${name} ${ref} ${before} ${after}`),
  });
});
after(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' };
const git = async (dir: string, ...args: string[]) => {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'init.defaultBranch=main'];
  return (await run('git', ['-C', dir, ...identity, ...args], { env })).stdout.trim();
};

test('git clones, commits and pushes, and the server tells of it', async () => {
  const dir = await createRepository(root, 'team/app', { 'a.txt': 'a\n' });
  const before = await git(dir, 'rev-parse', 'main');
  const work = path.join(root, 'work');
  await git(root, 'clone', '--quiet', `${server.url}/team/app.git`, work);
  writeFileSync(path.join(work, 'a.txt'), 'changed\n');
  await git(work, 'commit', '--quiet', '-am', 'Change');
  await git(work, 'tag', 'v1');
  await git(work, 'push', '--quiet', 'origin', 'main', 'v1');
  const after = await git(work, 'rev-parse', 'HEAD');
  assert.equal(await git(dir, 'rev-parse', 'main'), after);
  // Told once the answer is out; git does not wait for that.
  await until('both references are told', () => pushes.length === 2);
  assert.deepEqual(pushes.toSorted(), [
    `team/app.git refs/heads/main ${before} ${after}`,
    `team/app.git refs/tags/v1 ${'0'.repeat(40)} ${after}`,
  ]);
  assert.ok(server.requests.some(({ command }) => command === 'receive-pack'));
});

test('a page of somebody else cannot push, even by a name that was pointed at this machine', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'sluice-guarded-'));
  const server = await startGitServer({ root });
  try {
    await createRepository(root, 'app', { a: '1' });
    const status = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const refs = `${server.url}/app.git/info/refs?service=git-receive-pack`;
        http.get(refs, { headers }, answer => resolve(answer.resume().statusCode)).on('error', reject);
      });
    assert.equal(await status({}), 200);
    assert.equal(await status({ host: 'localhost:1' }), 200);
    assert.equal(await status({ host: 'rebound.example.com' }), 403);
    assert.equal(await status({ origin: 'https://example.com' }), 403);
  } finally {
    await server.close();
    rmSync(root, { recursive: true });
  }
});

test('paths outside the repositories are not served', async () => {
  for (const at of [
    '/',
    '/team/app.git/config',
    '/../x.git/info/refs',
    '/team/..%2fapp.git/info/refs',
    '/team/app.git/objects/info/packs',
  ])
    assert.equal((await fetch(`${server.url}${at}`)).status, 404, at);
});

test('commits change, delete, replace and tag files', async () => {
  const dir = await createRepository(root, 'files', {
    a: '1',
    'b "q"/ü': '2',
    c: { content: 'x', mode: 'executable' },
  });
  const next = await commitFiles(dir, { a: undefined, d: Buffer.from([0, 255]) }, { tag: 'v1', tagMessage: 'One' });
  assert.deepEqual((await git(dir, 'ls-tree', '-r', '-z', '--name-only', next)).split('\0').filter(Boolean), [
    'b "q"/ü',
    'c',
    'd',
  ]);
  assert.equal(await git(dir, 'cat-file', '-t', 'v1'), 'tag');
  const replaced = await commitFiles(dir, { only: '' }, { replace: true });
  assert.equal(await git(dir, 'ls-tree', '-r', '--name-only', replaced), 'only');
  assert.equal(await git(dir, 'rev-parse', `${replaced}^`), next);
  await assert.rejects(commitFiles(path.join(root, 'nowhere.git'), { a: '' }), /nowhere/);
});

async function archiveOf(name: string, file: string, specIgnore?: string): Promise<{ digest: string; size: number }> {
  const remote = connectRemote(`${server.url}/${name}.git`, { timeoutMs: 60_000 });
  try {
    const { oid, refName } = await remote.resolve({ branch: 'main' });
    const snapshot = await remote.fetchCommit(oid, refName);
    try {
      return await writeArchive(sourceEntries(snapshot, { specIgnore }), file);
    } finally {
      await snapshot.dispose();
    }
  } finally {
    await remote.close();
  }
}

test('an artifact holds what git archive holds, without what is ignored, and has one digest however it was packed', async () => {
  const files: Record<string, string> = {
    '.sourceignore': '*.md\n/skip\n',
    'x/.sourceignore': '!keep.md\n',
    '.gitignore': 'x\n',
  };
  for (let index = 0; index < 400; index++)
    files[`${['x', 'x/y', 'skip', 'deploy'][index % 4]}/f${index}.${index % 3 ? 'yaml' : 'md'}`] =
      `n: ${index}\n`.repeat(index);
  files['x/keep.md'] = 'kept';
  const dir = await createRepository(root, 'packed', files);
  for (let index = 0; index < 5; index++)
    await commitFiles(dir, { 'deploy/f3.yaml': `changed: ${index}\n`.repeat(99) });
  const file = path.join(root, 'packed.tar.gz');
  const loose = await archiveOf('packed', file);
  const list = (command: string) =>
    execFileSync('sh', ['-ec', command], { env })
      .toString()
      .split('\n')
      .filter(line => line && !line.endsWith('/'));
  const matcher = ignoreMatcher({
    sourceignore: [
      { dir: '', text: files['.sourceignore']! },
      { dir: 'x', text: files['x/.sourceignore']! },
    ],
    defaults: true,
  });
  const expected = list(`git --git-dir '${dir}' archive main | tar -t`).filter(name => !matcher(name, false));
  assert.deepEqual(list(`tar -tzf '${file}'`).toSorted(), expected.toSorted());
  assert.ok(expected.includes('x/keep.md') && !expected.some(name => name.startsWith('skip/')));
  await git(dir, 'repack', '-adfq', '--depth=200', '--window=100');
  assert.deepEqual(await archiveOf('packed', file), loose);
  await git(root, 'clone', '--quiet', '--mirror', dir, path.join(root, 'copy.git'));
  assert.deepEqual(await archiveOf('copy', file), loose);
});

test('one tag among 10,000 references is listed alone', async () => {
  const dir = await createRepository(root, 'tags', { a: 'a' });
  const commit = await git(dir, 'rev-parse', 'main');
  await fastImport(dir, [
    ...Array.from({ length: 10_000 }, (_, index) => `reset refs/tags/v1.${index}.0\nfrom ${commit}\n\n`),
    'done\n',
  ]);
  await git(dir, 'pack-refs', '--all');
  const remote = connectRemote(`${server.url}/tags.git`, { timeoutMs: 60_000 });
  assert.equal((await remote.listRefs(['refs/tags/v1.7777.'])).refs.size, 1);
  assert.equal((await remote.resolve({ semver: '1.x' })).revision, `v1.9999.0@sha1:${commit}`);
  await remote.close();
});

/** Runs in a process of its own, whose memory is measured. */
const measured = `
import { connectRemote } from '${new URL('../git/remote.ts', import.meta.url)}';
import { writeArchive } from '${new URL('../artifact/archive.ts', import.meta.url)}';
import { mostMemory } from '${new URL('../../test/fixtures/most-memory.ts', import.meta.url)}';
const remote = connectRemote(process.argv[1], { timeoutMs: 120_000 });
const { oid, refName } = await remote.resolve({ branch: 'main' });
const snapshot = await remote.fetchCommit(oid, refName);
const { size } = await writeArchive(snapshot.entries(), process.argv[2]);
await snapshot.dispose();
await remote.close();
console.log(JSON.stringify({ size, rss: mostMemory() }));
`;

test('a repository of 300 MB passes within 512 MiB of memory', async () => {
  const dir = await createRepository(root, 'big');
  // Stored as it is: compressing what does not compress would be all that this test does.
  for (const [key, value] of [
    ['core.bigFileThreshold', '64k'],
    ['pack.compression', '0'],
    ['core.compression', '0'],
  ] as const)
    await git(dir, 'config', key, value);
  function* commit(): Generator<string | Buffer> {
    yield 'commit refs/heads/main\ncommitter a <a@example.com> 1 +0000\ndata 1\nx\n';
    const sizes = [60 * 2 ** 20, ...Array.from({ length: 240 }, () => 2 ** 20)];
    for (const [index, size] of sizes.entries()) {
      yield `M 100644 inline d${index % 7}/f${index}\ndata ${size}\n`;
      yield randomBytes(size);
      yield '\n';
    }
    yield '\ndone\n';
  }
  await fastImport(dir, commit());
  const file = path.join(root, 'big.tar.gz');
  const args = ['--input-type=module', '-e', measured, `${server.url}/big.git`, file];
  const { stdout } = await run(process.execPath, args, { timeout: 120_000 });
  const { size, rss } = JSON.parse(stdout) as { size: number; rss: number };
  assert.ok(size > 300 * 2 ** 20, `${size} bytes`);
  assert.ok(rss < 512, `${rss} MiB`);
});
