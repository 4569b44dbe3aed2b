import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { commitFiles, createRepository, type GitServer, startGitServer } from '../local/git-server.ts';
import type { GitReference } from './reference.ts';
import { connectRemote, type GitRemote, type RemoteOptions, type Snapshot } from './remote.ts';

let root: string;
let dir: string;
let server: GitServer;
let oldServer: GitServer;
const commits: Record<string, string> = {};
const day = 86_400_000;

before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'sluice-remote-test-'));
  dir = await createRepository(root, 'app');
  commits.first = await commitFiles(dir, { 'a.txt': 'one\n' }, { message: 'First\n\nWith a body.\n', when: 10 * day });
  commits.tagged = await commitFiles(
    dir,
    {
      'a.txt': 'two\n',
      'a-b': 'dash',
      'a/x': 'in a',
      'deploy/app.yaml': 'kind: Deployment\n'.repeat(200),
      'deploy/copy.yaml': `${'kind: Deployment\n'.repeat(200)}# changed\n`,
      'bin/run': { content: '#!/bin/sh\n', mode: 'executable' },
      link: { content: 'a.txt', mode: 'symlink' },
      module: { submodule: '1'.repeat(40) },
      'ünïcode/日本.yaml': 'x: 1\n',
      empty: '',
    },
    { tag: 'v1.0.0', tagMessage: 'One', when: 20 * day },
  );
  commits.later = await commitFiles(dir, { b: 'b' }, { tag: 'v1.1.0', when: 30 * day });
  commits.tip = await commitFiles(
    dir,
    { c: 'c' },
    { when: 40 * day, author: { name: 'Ünal', email: 'u@example.com' } },
  );
  commits.side = await commitFiles(
    dir,
    { s: 's' },
    { branch: 'feature/side', orphan: true, tag: '2.0.0+b', when: 50 * day },
  );
  commits.other = await commitFiles(
    dir,
    { o: 'o' },
    { branch: 'other', orphan: true, tag: '2.0.0+a', tagMessage: 'a', when: 60 * day },
  );
  execFileSync('git', ['--git-dir', dir, 'update-ref', 'refs/pull/7/head', commits.side]);
  commits.hidden = await commitFiles(dir, { h: 'h' }, { branch: 'hidden', orphan: true });
  execFileSync('git', ['--git-dir', dir, 'update-ref', '-d', 'refs/heads/hidden']);
  await createRepository(root, 'empty');
  server = await startGitServer({ root });
  oldServer = await startGitServer({ root, protocol2: false });
});

after(async () => {
  await server.close();
  await oldServer.close();
  await rm(root, { recursive: true, force: true });
});

async function withRemote<T>(url: string, use: (remote: GitRemote) => Promise<T>, options?: Partial<RemoteOptions>) {
  const remote = connectRemote(url, { timeoutMs: 20_000, ...options });
  try {
    return await use(remote);
  } finally {
    await remote.close();
  }
}

/** `mode path content` of every file, as git itself sees them. */
function expectedTree(commit: string): string[] {
  const listing = execFileSync('git', ['--git-dir', dir, 'ls-tree', '-r', '-z', '--full-tree', commit]).toString();
  const modes: Record<string, string> = {
    100644: 'file',
    100755: 'executable',
    120000: 'symlink',
    160000: 'submodule',
  };
  return listing
    .split('\0')
    .filter(Boolean)
    .map(line => {
      const [, mode = '', type, oid = '', file = ''] = /^(\d+) (\w+) ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
      const content =
        type === 'blob' ? execFileSync('git', ['--git-dir', dir, 'cat-file', 'blob', oid]).toString() : '';
      return `${modes[mode]} ${file} ${content}`;
    });
}

async function treeOf(snapshot: Snapshot): Promise<string[]> {
  const lines: string[] = [];
  for await (const entry of snapshot.entries()) {
    const content = entry.mode === 'submodule' ? '' : (await entry.read()).toString();
    assert.equal(Buffer.byteLength(content), entry.size);
    lines.push(`${entry.mode} ${entry.path} ${content}`);
  }
  return lines;
}

const table: [name: string, ref: GitReference, commit: string, revision: string][] = [
  ['a branch', { branch: 'main' }, 'tip', 'main'],
  ['a branch with a slash', { branch: 'feature/side' }, 'side', 'feature/side'],
  ['an annotated tag', { tag: 'v1.0.0' }, 'tagged', 'v1.0.0'],
  ['a light tag', { tag: 'v1.1.0' }, 'later', 'v1.1.0'],
  ['a range', { semver: '1.x' }, 'later', 'v1.1.0'],
  ['the youngest of equal versions', { semver: '>=2' }, 'other', '2.0.0+a'],
  ['a pull request', { name: 'refs/pull/7/head' }, 'side', 'refs/pull/7/head'],
  ['a tag by its full name', { name: 'refs/tags/v1.0.0' }, 'tagged', 'refs/tags/v1.0.0'],
  ['HEAD', { name: 'HEAD' }, 'tip', 'HEAD'],
];

for (const [protocol, url] of [
  ['2', () => server.url],
  ['0', () => oldServer.url],
] as const) {
  describe(`protocol ${protocol}`, () => {
    for (const [name, ref, commit, revision] of table) {
      test(`fetches ${name}`, async () => {
        const { resolved, snapshot } = await withRemote(`${url()}/app.git`, async remote => {
          const resolved = await remote.resolve(ref);
          return { resolved, snapshot: await remote.fetchCommit(resolved.oid, resolved.refName) };
        });
        assert.equal(resolved.revision, `${revision}@sha1:${commits[commit]}`);
        assert.equal(snapshot.commit.oid, commits[commit]);
        assert.deepEqual(await treeOf(snapshot), expectedTree(commits[commit]!));
        await snapshot.dispose();
      });
    }

    test('fetches commits that no reference names', async () => {
      for (const ref of [
        { commit: commits.first },
        { commit: commits.first, branch: 'main' },
        { commit: commits.tagged, branch: 'main' },
      ]) {
        const snapshot = await withRemote(`${url()}/app.git`, async remote => {
          const { oid, refName } = await remote.resolve(ref);
          return remote.fetchCommit(oid, refName);
        });
        assert.deepEqual(await treeOf(snapshot), expectedTree(ref.commit!));
        await snapshot.dispose();
      }
    });

    test('a commit must be in the history of the branch it is asked from', async () => {
      for (const commit of [commits.side!, commits.hidden!, 'd'.repeat(40)])
        await assert.rejects(
          withRemote(`${url()}/app.git`, remote => remote.fetchCommit(commit, 'refs/heads/main')),
          { code: 'CommitNotFound' },
        );
      await assert.rejects(
        withRemote(`${url()}/app.git`, remote => remote.fetchCommit('d'.repeat(40))),
        { code: 'CommitNotFound' },
      );
    });

    test('tells an empty repository from a missing reference', async () => {
      await assert.rejects(
        withRemote(`${url()}/empty.git`, remote => remote.resolve({ branch: 'main' })),
        { code: 'EmptyRepository' },
      );
      await assert.rejects(
        withRemote(`${url()}/app.git`, remote => remote.resolve({ branch: 'gone' })),
        { code: 'ReferenceNotFound' },
      );
      await assert.rejects(
        withRemote(`${url()}/gone.git`, remote => remote.resolve({ branch: 'main' })),
        { code: 'RepositoryNotFound' },
      );
    });
  });
}

test('reads who committed, when, and why', async () => {
  const snapshot = await withRemote(`${server.url}/app.git`, remote =>
    remote.fetchCommit(commits.tip!, 'refs/heads/main'),
  );
  const { commit } = snapshot;
  assert.deepEqual(commit.committer, { name: 'Ünal', email: 'u@example.com', when: 40 * day, offset: 0 });
  assert.deepEqual(commit.parents, [commits.later]);
  assert.equal(commit.message, 'Change');
  await snapshot.dispose();
  const first = await withRemote(`${server.url}/app.git`, remote => remote.fetchCommit(commits.first!));
  assert.equal(first.commit.message, 'First\n\nWith a body.\n');
  await first.dispose();
});

test('lists what is asked for only, and fetches in three requests', async () => {
  const seen = server.requests.length;
  await withRemote(`${server.url}/app.git`, async remote => {
    const { refs } = await remote.listRefs(['refs/tags/v1']);
    assert.deepEqual([...refs.keys()], ['refs/tags/v1.0.0', 'refs/tags/v1.1.0']);
    assert.equal(refs.get('refs/tags/v1.0.0')?.peeled, commits.tagged);
    const all = await remote.listRefs();
    assert.equal(all.refs.get('HEAD')?.target, 'refs/heads/main');
    assert.ok(all.refs.has('refs/pull/7/head'));
  });
  assert.deepEqual(
    server.requests.slice(seen).map(({ command, service }) => command ?? service),
    ['git-upload-pack', 'ls-refs', 'ls-refs'],
  );
  const before = server.requests.length;
  await withRemote(`${server.url}/app.git`, async remote => {
    const { oid, refName } = await remote.resolve({ branch: 'main' });
    await (await remote.fetchCommit(oid, refName)).dispose();
  });
  assert.deepEqual(
    server.requests.slice(before).map(({ command, service }) => command ?? service),
    ['git-upload-pack', 'ls-refs', 'fetch'],
  );
});

test('the same tree comes out of packs made differently', async () => {
  const entries = async () => {
    const snapshot = await withRemote(`${server.url}/app.git`, remote =>
      remote.fetchCommit(commits.tagged!, 'refs/tags/v1.0.0'),
    );
    const lines = await treeOf(snapshot);
    await snapshot.dispose();
    return lines;
  };
  const loose = await entries();
  execFileSync('git', ['--git-dir', dir, 'repack', '-adfq', '--depth=50', '--window=50']);
  assert.deepEqual(await entries(), loose);
});

test('asks the server whether a branch holds a commit, instead of fetching its history', async () => {
  const seen = server.requests.length;
  // One commit, one tree, one file: the history of the branch would be more.
  const limits = { objects: 3 };
  const use = async (remote: GitRemote) => remote.fetchCommit(commits.first!, 'refs/heads/main');
  const snapshot = await withRemote(`${server.url}/app.git`, use, { limits });
  assert.deepEqual(await treeOf(snapshot), ['file a.txt one\n']);
  await snapshot.dispose();
  const asked = server.requests.slice(seen).map(({ command, service }) => command ?? service);
  assert.deepEqual(asked, ['git-upload-pack', 'ls-refs', 'fetch', 'fetch']);
});
