import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { FileStore } from '../../shared/local/file-store.ts';
import { commitFiles, createRepository, startGitServer } from '../../shared/local/git-server.ts';
import { statePaths } from '../../shared/local/state-dir.ts';
import { openFleet } from './fleet.ts';
import { gitRepository, secret, yaml } from './manifests.ts';
import { conditionOf, startWorld } from './world.ts';

const world = await startWorld();
const requests = (repository: string, command: string) =>
  world.git.requests.filter(request => request.path.includes(repository) && request.command === command).length;

test('200 GitRepositories in four clusters on one repository: a push costs one fetch and one artifact', async () => {
  const fleet = await openFleet(world, 200);
  after(fleet.close);
  const repo = await createRepository(world.repositories, 'shared.git', { 'a.txt': '1' }, { branch: 'main' });
  const first = await commitFiles(repo, { 'a.txt': '2' }, { message: 'Two', branch: 'main' });
  const store = new FileStore(statePaths(world.runtime.dir).store);
  const artifacts = async () => {
    let count = 0;
    for await (const _ of store.list('artifacts/')) count++;
    return count;
  };
  await fleet.create(`${world.git.url}/shared.git`, first);
  const [fetches, listings, stored] = [
    requests('shared.git', 'fetch'),
    requests('shared.git', 'ls-refs'),
    await artifacts(),
  ];
  assert.ok(fetches >= 1 && fetches <= 2, `${fetches} fetches when they were created`);
  const sha = await commitFiles(repo, { 'a.txt': '3' }, { message: 'Three', branch: 'main' });
  await fleet.push(sha);
  assert.equal(requests('shared.git', 'fetch') - fetches, 1);
  assert.equal((await artifacts()) - stored, 1);
  assert.equal((await fleet.artifacts()).length, 1);
  const listed = requests('shared.git', 'ls-refs') - listings;
  assert.ok(listed < 100, `${listed} listings of references for 200 objects`);
});

test('who has other credentials, or none, does not get what another fetched', async () => {
  const password = 'of the first tenant';
  const git = await startGitServer({ root: world.repositories, auth: { username: 'flux', password } });
  after(() => git.close());
  await createRepository(world.repositories, 'closed.git', { 'a.txt': '1' }, { branch: 'main' });
  const url = `${git.url}/closed.git`;
  for (const ns of ['tenant-a', 'tenant-b']) await world.namespace(ns);
  await world.apply(
    yaml(
      secret('tenant-a', 'git', { username: 'flux', password }),
      gitRepository('tenant-a', 'one', url, { secretRef: { name: 'git' } }),
      gitRepository('tenant-a', 'two', url, { secretRef: { name: 'git' } }),
    ),
  );
  for (const name of ['one', 'two']) await world.condition('GitRepository', 'tenant-a', name, 'Ready', 'True');
  await world.apply(
    yaml(
      secret('tenant-b', 'git', { username: 'flux', password: 'guessed' }),
      gitRepository('tenant-b', 'none', url),
      gitRepository('tenant-b', 'wrong', url, { secretRef: { name: 'git' } }),
    ),
  );
  for (const name of ['none', 'wrong']) {
    const refused = await world.condition('GitRepository', 'tenant-b', name, 'Ready', 'False', 'GitOperationFailed');
    assert.match(conditionOf(refused, 'FetchFailed')?.message ?? '', /answered 401/);
    assert.equal(refused.status.artifact, undefined);
  }
  for (const [where, text] of await world.runtime.stored())
    assert.ok(!text.includes(password) && !text.includes('guessed'), where);
});
