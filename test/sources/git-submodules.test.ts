/** Submodules of a repository over SSH, on OpenSSH, and of one over http that names some over SSH. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { makeKey, startOpenSsh } from '../programs/openssh.ts';
import { artifactFiles } from '../scenario/artifact-files.ts';
import { gitRepository, secret, yaml } from '../scenario/manifests.ts';
import { conditionOf, startWorld } from '../scenario/world.ts';

const keys = await mkdtemp(join(tmpdir(), 'sluice-ssh-keys-'));
const server = await startOpenSsh(join(keys, 'server'), {}, console.error);
const stranger = await startOpenSsh(join(keys, 'stranger'), {}, console.error);
after(async () => {
  await server.stop();
  await stranger.stop();
  await rm(keys, { recursive: true, force: true });
});
const key = await makeKey(keys, 'id');
await server.authorize(key.publicKey);
await stranger.authorize(key.publicKey);

const world = await startWorld();
const ns = 'submodules';
await world.namespace(ns);
await world.apply(yaml(secret(ns, 'ssh', { identity: key.privateKey, known_hosts: server.knownHosts })));

const dependency = await createRepository(world.repositories, 'dependency.git', { 'd.txt': '1' });
const commit = await commitFiles(dependency, { 'd.txt': '2' });
await commitFiles(dependency, { 'd.txt': '3' });
const submodules = (urls: Record<string, string>) => ({
  '.gitmodules': Object.entries(urls)
    .map(([path, url]) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`)
    .join(''),
  ...Object.fromEntries(Object.keys(urls).map(path => [path, { submodule: commit }])),
});
const urlOf = (name: string) => `${server.url}${world.repositories}/${name}`;
const spec = { recurseSubmodules: true, secretRef: { name: 'ssh' } };
const message = async (name: string, reason: string) =>
  conditionOf(await world.condition('GitRepository', ns, name, 'FetchFailed', 'True', reason), 'FetchFailed')!.message;

test('the key opens submodules on its own server, relative and absolute, and public ones need none', async () => {
  const urls = { one: '../dependency.git', two: urlOf('dependency.git'), three: `${world.git.url}/dependency.git` };
  await createRepository(world.repositories, 'super.git', submodules(urls));
  await world.apply(yaml(gitRepository(ns, 'super', urlOf('super.git'), spec)));
  const { artifact } = (await world.condition('GitRepository', ns, 'super', 'Ready', 'True')).status;
  assert.deepEqual(await artifactFiles(artifact), { 'one/d.txt': '2', 'three/d.txt': '2', 'two/d.txt': '2' });
  assert.ok(world.git.requests.every(request => !request.authorized));
});

test('a server that the Secret does not know is not asked, and one over ssh needs a key', async () => {
  const elsewhere = `${stranger.url}${world.repositories}/dependency.git`;
  await createRepository(world.repositories, 'stranger.git', submodules({ m: elsewhere }));
  await createRepository(world.repositories, 'keyless.git', submodules({ m: urlOf('dependency.git') }));
  await world.apply(
    yaml(
      gitRepository(ns, 'stranger', urlOf('stranger.git'), spec),
      gitRepository(ns, 'keyless', `${world.git.url}/keyless.git`, { recurseSubmodules: true }),
    ),
  );
  assert.match(
    await message('stranger', 'GitOperationFailed'),
    /unable to fetch submodule 'm': .*(?:host key|known_hosts)/,
  );
  assert.match(await message('keyless', 'AuthenticationFailed'), /unable to fetch submodule 'm': /);
});
