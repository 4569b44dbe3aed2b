import assert from 'node:assert/strict';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { after, test } from 'node:test';
import { createRepository } from '../../shared/local/git-server.ts';
import { app, appKey, startGitHubApi } from '../programs/github-api.ts';
import { selfSigned } from '../scenario/certificate.ts';
import { gitRepository, secret, yaml } from '../scenario/manifests.ts';
import { conditionOf, startWorld, until } from '../scenario/world.ts';

const world = await startWorld();
const { git } = world;
const ns = 'source-provider';
await world.namespace(ns);

const { key, cert } = await selfSigned();
const github = await startGitHubApi({ tls: { key, cert } });
/** Repositories as GitHub serves them: to who has a token that it gave out and has not taken back. */
const repositories = createServer((request, response) => {
  const [user, token = ''] = Buffer.from((request.headers.authorization ?? '').replace(/^Basic /, ''), 'base64')
    .toString()
    .split(':');
  if (user !== 'x-access-token' || !github.tokens.includes(token))
    return void response.writeHead(401, { 'www-authenticate': 'Basic realm="GitHub"' }).end();
  const { method, headers } = request;
  const { authorization: _, host: __, ...rest } = headers;
  const onward = forward(new URL(request.url ?? '', git.url), { method, headers: rest }, answer => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
  });
  request.pipe(onward);
});
await new Promise<void>(resolve => repositories.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(repositories.address() as AddressInfo).port}/app.git`;
after(() => {
  github.close();
  repositories.close();
  repositories.closeAllConnections();
});

const appSecret = (name: string, more: Record<string, string> = {}) =>
  secret(ns, name, {
    githubAppID: app.id,
    githubAppInstallationOwner: app.organization,
    githubAppPrivateKey: appKey,
    githubAppBaseURL: github.url,
    'ca.crt': cert,
    ...more,
  });
const failed = (name: string, reason: string) =>
  world.condition('GitRepository', ns, name, 'FetchFailed', 'True', reason);

test('a GitHub App opens repositories, by a token that all its objects share', async () => {
  await createRepository(world.repositories, 'app.git', { 'a.txt': '1' });
  const spec = { provider: 'github', secretRef: { name: 'app' } };
  await world.apply(yaml(appSecret('app'), gitRepository(ns, 'one', url, spec)));
  await world.condition('GitRepository', ns, 'one', 'Ready', 'True');
  // Each process has its own, and there are as many as cores.
  const processes = availableParallelism();
  const others = Array.from({ length: processes }, (_, n) => `other-${n}`);
  await world.apply(yaml(...others.map(name => gitRepository(ns, name, url, spec))));
  for (const name of others) await world.condition('GitRepository', ns, name, 'Ready', 'True');
  const { length } = github.tokens;
  assert.ok(length <= processes, `${length} tokens for ${others.length + 1} objects`);
  assert.ok(github.requests.includes('GET /orgs/acme/installation 200'));
});

test('a token that is not taken any more is not kept', async () => {
  const given = github.tokens.splice(0);
  await world.apply(
    yaml(gitRepository(ns, 'one', url, { provider: 'github', secretRef: { name: 'app' }, interval: '9m' })),
  );
  await until('another token', () => github.tokens.length > 0);
  const mended = await world.condition('GitRepository', ns, 'one', 'Ready', 'True');
  assert.equal(conditionOf(mended, 'FetchFailed'), undefined);
  assert.ok(github.tokens.every(token => !given.includes(token)));
});

test('what is wrong with a provider is said, and who can mend it', async () => {
  await world.apply(
    yaml(
      appSecret('incomplete', { githubAppInstallationID: '1' }),
      appSecret('elsewhere', { githubAppInstallationOwner: 'nobody' }),
      appSecret('no-ca', { 'ca.crt': '', githubAppInstallationOwner: '', githubAppInstallationID: '2' }),
      secret(ns, 'basic', { username: 'u', password: 'p' }),
      gitRepository(ns, 'no-secret', url, { provider: 'github' }),
      gitRepository(ns, 'ssh', 'ssh://git@127.0.0.1/x', { provider: 'github', secretRef: { name: 'app' } }),
      gitRepository(ns, 'no-app', url, { provider: 'github', secretRef: { name: 'basic' } }),
      gitRepository(ns, 'incomplete', url, { provider: 'github', secretRef: { name: 'incomplete' } }),
      gitRepository(ns, 'generic', url, { secretRef: { name: 'app' } }),
      gitRepository(ns, 'elsewhere', url, { provider: 'github', secretRef: { name: 'elsewhere' } }),
      gitRepository(ns, 'no-ca', url, { provider: 'github', secretRef: { name: 'no-ca' } }),
      gitRepository(ns, 'not-aws', url, { provider: 'aws' }),
      gitRepository(ns, 'not-azure', url, { provider: 'azure', serviceAccountName: 'sa' }),
    ),
  );
  const table: [string, string, RegExp, boolean][] = [
    ['no-secret', 'InvalidProviderConfiguration', /^secretRef with github app data must be specified/, true],
    ['ssh', 'InvalidProviderConfiguration', /spec.provider 'github' signs in over https/, true],
    ['no-app', 'InvalidProviderConfiguration', /^secretRef with github app data must be specified/, false],
    ['incomplete', 'InvalidProviderConfiguration', /exactly one of/, false],
    ['generic', 'InvalidProviderConfiguration', /has github app data but provider is not set to github/, false],
    [
      'elsewhere',
      'AuthenticationFailed',
      /^failed to configure authentication options: .*not installed for 'nobody'/,
      false,
    ],
    ['no-ca', 'AuthenticationFailed', /^failed to configure authentication options: .*self-signed/, false],
    ['not-aws', 'AuthenticationFailed', /no repository of CodeCommit/, false],
    ['not-azure', 'AuthenticationFailed', /no repository of Azure DevOps/, false],
  ];
  for (const [name, reason, message, stalled] of table) {
    const object = await failed(name, reason);
    assert.match(conditionOf(object, 'FetchFailed')!.message, message, name);
    assert.equal(conditionOf(object, 'Ready')?.reason, reason, name);
    assert.equal(conditionOf(object, 'Stalled')?.status === 'True', stalled, name);
  }
});
