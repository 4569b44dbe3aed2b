/** GitRepositories through proxies: tinyproxy (HTTP) and microsocks (SOCKS5). */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { commitFiles, createRepository, startGitServer } from '../../shared/local/git-server.ts';
import { makeKey, startOpenSsh } from '../programs/openssh.ts';
import { type ProxyServer, startHttpProxy, startSocksProxy } from '../programs/proxies.ts';
import { selfSigned } from '../scenario/certificate.ts';
import { gitRepository, secret, yaml } from '../scenario/manifests.ts';
import { conditionOf, startWorld, until } from '../scenario/world.ts';

const dir = await mkdtemp(join(tmpdir(), 'sluice-proxy-'));
const proxies: Record<string, ProxyServer> = {
  http: await startHttpProxy(dir, console.error),
  socks5: await startSocksProxy(dir, console.error),
};
const ssh = await startOpenSsh(join(dir, 'ssh'), {}, console.error);
const key = await makeKey(dir, 'id');
await ssh.authorize(key.publicKey);

const world = await startWorld();
const { key: tlsKey, cert } = await selfSigned();
const tls = await startGitServer({
  root: world.repositories,
  tls: { key: tlsKey, cert },
  auth: { username: 'flux', password: 'password' },
});
after(async () => {
  await Promise.all([...Object.values(proxies), ssh].map(server => server.stop()));
  await tls.close();
  await rm(dir, { recursive: true, force: true });
});

const ns = 'proxy';
await world.namespace(ns);
const login = ({ address, username, password }: ProxyServer) => ({ address, username, password });
await world.apply(
  yaml(
    ...Object.entries(proxies).map(([name, proxy]) => secret(ns, `proxy-${name}`, login(proxy))),
    secret(ns, 'https', { 'ca.crt': cert, username: 'flux', password: 'password' }),
    secret(ns, 'ssh', { identity: key.privateKey, known_hosts: ssh.knownHosts }),
  ),
);

const remotes: [scheme: string, url: (file: string) => string, secretName: string | undefined, port: number][] = [
  ['http', file => `${world.git.url}/${file}`, undefined, Number(new URL(world.git.url).port)],
  ['https', file => `${tls.url}/${file}`, 'https', Number(new URL(tls.url).port)],
  ['ssh', file => `${ssh.url}${world.repositories}/${file}`, 'ssh', ssh.port],
];

describe('a repository behind a proxy is fetched, and so is its next commit', () => {
  for (const [kind, proxy] of Object.entries(proxies))
    for (const [scheme, url, secretName, port] of remotes)
      test(`${scheme} through ${kind}`, async () => {
        const name = `${scheme}-by-${kind}`;
        const repo = await createRepository(world.repositories, `${name}.git`, { 'a.txt': '1' }, { branch: 'main' });
        const connections = async () => (await proxy.log()).split(`127.0.0.1:${port}`).length - 1;
        const before = await connections();
        const spec = {
          interval: '2s',
          proxySecretRef: { name: `proxy-${kind}` },
          ...(secretName ? { secretRef: { name: secretName } } : {}),
        };
        await world.apply(yaml(gitRepository(ns, name, url(`${name}.git`), spec)));
        await world.condition('GitRepository', ns, name, 'Ready', 'True', 'Succeeded');
        assert.ok((await connections()) > before, 'the proxy was asked for the server');
        const sha = await commitFiles(repo, { 'a.txt': '2' }, { branch: 'main' });
        await until('the commit is fetched', async () => {
          const found = await world.get('GitRepository', ns, name);
          return found?.status.artifact?.revision === `main@sha1:${sha}`;
        });
      });
});

test('a proxy that cannot be used says so, and the last artifact stays', async () => {
  const [http, socks5] = [login(proxies.http!), login(proxies.socks5!)];
  const wrong = { password: 'hunter2' };
  const gone = { address: 'http://127.0.0.1:1' };
  const cases: [name: string, scheme: number, data: Record<string, string> | undefined, string, RegExp][] = [
    ['missing', 0, undefined, 'AuthenticationFailed', /failed to configure proxy options: .*proxy-missing.*not found/],
    [
      'no-address',
      0,
      { username: 'x' },
      'AuthenticationFailed',
      /failed to configure proxy options: .*'address' not found/,
    ],
    [
      'bad-address',
      0,
      { address: 'ftp://proxy' },
      'AuthenticationFailed',
      /must be http:\/\/, https:\/\/ or socks5:\/\//,
    ],
    ['gone', 0, gone, 'GitOperationFailed', /ECONNREFUSED/],
    ['gone-ssh', 2, gone, 'GitOperationFailed', /cannot reach the proxy http:\/\/127\.0\.0\.1:1.*ECONNREFUSED/],
    [
      'refused-https',
      1,
      { ...http, ...wrong },
      'GitOperationFailed',
      /the proxy http:\S+ does not connect to 127\.0\.0\.1:\d+: it answers 401/,
    ],
    ['refused-ssh', 2, { ...http, ...wrong }, 'GitOperationFailed', /it answers 401/],
    ['refused-socks', 1, { ...socks5, ...wrong }, 'GitOperationFailed', /it refuses the username and password/],
    ['anonymous', 2, { address: socks5.address }, 'GitOperationFailed', /it asks for a username and password/],
  ];
  await createRepository(world.repositories, 'bad.git', { 'a.txt': '1' }, { branch: 'main' });
  const source = (name: string, scheme: number, proxyName: string) => {
    const [, url, secretName] = remotes[scheme]!;
    const spec = { proxySecretRef: { name: proxyName }, ...(secretName ? { secretRef: { name: secretName } } : {}) };
    return gitRepository(ns, name, url('bad.git'), spec);
  };
  await world.apply(yaml(...cases.map(([name, scheme]) => source(name, scheme, 'proxy-http'))));
  for (const [name] of cases) await world.condition('GitRepository', ns, name, 'Ready', 'True', 'Succeeded');
  await world.apply(
    yaml(
      ...cases.flatMap(([name, scheme, data]) => [
        ...(data ? [secret(ns, `proxy-${name}`, data)] : []),
        source(name, scheme, `proxy-${name}`),
      ]),
    ),
  );
  for (const [name, , , reason, message] of cases) {
    const failed = await world.condition('GitRepository', ns, name, 'Ready', 'False', reason);
    const said = conditionOf(failed, 'FetchFailed');
    assert.equal(said?.reason, reason, name);
    assert.match(said.message, message, name);
    assert.doesNotMatch(said.message, /hunter2|grogu/);
    assert.ok(failed.status.artifact.revision, 'the last artifact stays');
  }
});
