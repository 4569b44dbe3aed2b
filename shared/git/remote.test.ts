import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { day, makeRepositories, remoteContract, treeOf, withRemote } from '../../test/fixtures/git-remote.ts';
import { type GitServer, startGitServer } from '../local/git-server.ts';
import type { GitRemote } from './remote.ts';

let root: string;
let dir: string;
let server: GitServer;
let oldServer: GitServer;
let commits: Record<string, string>;

before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'sluice-remote-test-'));
  ({ dir, commits } = await makeRepositories(root));
  server = await startGitServer({ root });
  oldServer = await startGitServer({ root, protocol2: false });
});

after(async () => {
  await server.close();
  await oldServer.close();
  await rm(root, { recursive: true, force: true });
});

remoteContract('protocol 2', () => ({ url: server.url, dir, commits }));
remoteContract('protocol 0', () => ({ url: oldServer.url, dir, commits }));

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
