import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createRepository, type GitServer, startGitServer } from '../local/git-server.ts';
import { connectRemote, type GitAuth, type RemoteOptions } from './remote.ts';

let root: string;
const open: { close(): Promise<void> }[] = [];

before(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'sluice-access-test-'));
  await createRepository(root, 'app', { 'a.txt': 'a' });
});

after(async () => {
  for (const server of open) await server.close();
  rmSync(root, { recursive: true, force: true });
});

async function gitServer(options: Partial<Parameters<typeof startGitServer>[0]> = {}): Promise<GitServer> {
  const server = await startGitServer({ root, ...options });
  open.push(server);
  return server;
}

/** A server of our own making, for answers that Git's would not give. */
async function rawServer(listener: http.RequestListener): Promise<{ url: string; seen: http.IncomingMessage[] }> {
  const seen: http.IncomingMessage[] = [];
  const server = http.createServer((request, response) => {
    seen.push(request);
    listener(request, response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function refsOf(url: string, options: Partial<RemoteOptions> = {}): Promise<string[]> {
  const remote = connectRemote(url, { timeoutMs: 20_000, ...options });
  try {
    const { oid, refName } = await remote.resolve({ branch: 'main' });
    await (await remote.fetchCommit(oid, refName)).dispose();
    return [...(await remote.listRefs()).refs.keys()];
  } finally {
    await remote.close();
  }
}

test('signs in with a username and password, or a bearer token', async () => {
  const basic = await gitServer({ auth: { username: 'ü', password: 'p:w' } });
  const bearer = await gitServer({ auth: { bearerToken: 'token' } });
  const url = `${basic.url}/app.git`;
  assert.deepEqual(await refsOf(url, { auth: { username: 'ü', password: 'p:w' } }), ['HEAD', 'refs/heads/main']);
  assert.deepEqual(await refsOf(url.replace('//', '//%C3%BC:p%3Aw@')), ['HEAD', 'refs/heads/main']);
  assert.deepEqual(await refsOf(`${bearer.url}/app.git`, { auth: { bearerToken: 'token' } }), [
    'HEAD',
    'refs/heads/main',
  ]);
  await assert.rejects(refsOf(url), { code: 'AuthenticationFailed', message: /set spec.secretRef/ });
  const wrong = refsOf(url.replace('//', '//ü:secret-word@'));
  await assert.rejects(wrong, error => {
    assert.equal((error as { code: string }).code, 'AuthenticationFailed');
    assert.doesNotMatch((error as Error).message, /secret-word/);
    return true;
  });
});

test('refuses credentials that cannot be meant', () => {
  const cases: [GitAuth, RegExp][] = [
    [{ username: 'a', password: 'b', bearerToken: 'c' }, /cannot be used together/],
    [{ password: 'b' }, /no username/],
    [{ bearerToken: 'a\r\nx: y' }, /line break/],
    [{ clientCert: 'x' }, /needs its key/],
    [{ ca: 'not a certificate' }, /no PEM certificate/],
    [{ ca: '-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----' }, /cannot be used/],
  ];
  for (const [auth, message] of cases)
    assert.throws(() => connectRemote('https://example.com/a', { auth, timeoutMs: 1000 }), {
      code: 'InvalidCredentials',
      message,
    });
  assert.throws(() => connectRemote('ssh://git@example.com/a', { timeoutMs: 1000 }), {
    code: 'InvalidCredentials',
    message: /identity.*known_hosts/,
  });
  for (const url of [
    'git://example.com/a',
    'git@example.com:a',
    'ssh://example.com',
    'ssh://h/a%0ab',
    'file:///etc',
    '',
  ])
    assert.throws(() => connectRemote(url, { timeoutMs: 1000 }), { code: 'InvalidUrl' }, url);
});

test('TLS: trusts the authority of the Secret, and shows its client certificate', async () => {
  const dir = path.join(root, 'tls');
  const pem = (name: string) => readFileSync(path.join(dir, name), 'utf8');
  makeCertificates(dir);
  const tls = { key: pem('server.key'), cert: pem('server.crt') };
  const server = await gitServer({ tls });
  const mutual = await gitServer({ tls: { ...tls, ca: pem('ca.crt') } });
  await assert.rejects(refsOf(`${server.url}/app.git`), { code: 'TlsFailed', message: /ca\.crt/ });
  assert.deepEqual(await refsOf(`${server.url}/app.git`, { auth: { ca: pem('ca.crt') } }), ['HEAD', 'refs/heads/main']);
  // The server ends the handshake, or answers 403, depending on when it looks.
  await assert.rejects(refsOf(`${mutual.url}/app.git`, { auth: { ca: pem('ca.crt') } }), { name: 'GitError' });
  const auth = { ca: pem('ca.crt'), clientCert: pem('client.crt'), clientKey: pem('client.key') };
  assert.deepEqual(await refsOf(`${mutual.url}/app.git`, { auth }), ['HEAD', 'refs/heads/main']);
});

function makeCertificates(dir: string): void {
  const script = `
    mkdir -p "$0" && cd "$0"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt -subj /CN=ca -days 2 \
      -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign
    for name in server client; do
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout $name.key -out $name.csr -subj /CN=$name
      printf 'subjectAltName=IP:127.0.0.1,DNS:localhost' > ext
      openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $name.crt -days 2 -extfile ext
    done`;
  execFileSync('sh', ['-e', '-c', script, dir], { stdio: 'ignore' });
}

test('follows redirects of the first request, and keeps credentials from other hosts', async () => {
  const target = await gitServer();
  const redirect = (status: number, location: (path: string) => string) =>
    rawServer((request, response) => response.writeHead(status, { location: location(request.url ?? '') }).end());
  const auth = { username: 'u', password: 'p' };
  for (const status of [301, 302, 307, 308]) {
    const from = await redirect(status, at => `${target.url}${at.replace('/old/', '/')}`);
    const seen = target.requests.length;
    assert.deepEqual(await refsOf(`${from.url}/old/app.git`, { auth }), ['HEAD', 'refs/heads/main']);
    assert.equal(from.seen.length, 1, 'later requests go to the new place');
    assert.equal(from.seen[0]!.headers.authorization?.startsWith('Basic '), true);
    assert.ok(
      target.requests.slice(seen).every(request => !request.authorized),
      'another host sees no credentials',
    );
  }
  const cases: [string, () => Promise<{ url: string }>, RegExp][] = [
    ['in a circle', () => redirect(302, at => at), /more than 5 times/],
    ['to a sign-in page', () => redirect(302, () => '/login'), /no repository/],
    ['to another scheme', () => redirect(302, () => 'file:///etc/passwd'), /not HTTP/],
    ['nowhere', () => rawServer((_, response) => response.writeHead(302).end()), /without saying/],
  ];
  for (const [name, make, message] of cases)
    await assert.rejects(refsOf(`${(await make()).url}/app.git`), { code: 'RedirectRefused', message }, name);
  const metadata = await redirect(302, () => 'http://169.254.169.254/info/refs');
  await assert.rejects(refsOf(`${metadata.url}/app.git`), { code: 'AddressRefused' });
});

test('says what a server is that does not speak the protocol', async () => {
  const type = 'application/x-git-upload-pack-advertisement';
  const cases: [string, http.RequestListener, string, RegExp][] = [
    ['a web page', (_, r) => r.setHeader('content-type', 'text/html').end('<html>'), 'NotGit', /text\/html/],
    ['a dumb server', (_, r) => r.end(`${'1'.repeat(40)}\trefs/heads/main\n`), 'DumbServer', /smart protocol/],
    ['nonsense', (_, r) => r.setHeader('content-type', type).end('what?'), 'NotGit', /protocol/],
    ['nothing', (_, r) => r.setHeader('content-type', type).end(), 'Corrupt', /ended early/],
    [
      'an error',
      (_, r) => r.setHeader('content-type', type).end('0015ERR go \u001b[31maway\n'),
      'ServerError',
      /go +\[31maway/,
    ],
    [
      'cut off',
      (_, r) => r.setHeader('content-type', type).end('001e# service=git-up'),
      'Corrupt',
      /middle of a packet/,
    ],
    [
      'SHA-256',
      (_, r) => r.setHeader('content-type', type).end('000eversion 2\n0018object-format=sha2560000'),
      'Unsupported',
      /SHA-256/,
    ],
    [
      'forbidden',
      (_, r) => r.writeHead(403, { 'content-type': 'text/plain' }).end('IP not\u0007 allowed'),
      'AuthenticationFailed',
      /IP not allowed/,
    ],
    ['broken', (_, r) => r.writeHead(502).end('x'), 'ServerError', /502/],
    [
      'broken gzip',
      (_, r) => r.writeHead(200, { 'content-type': type, 'content-encoding': 'gzip' }).end('no gzip'),
      'Corrupt',
      /inflate/,
    ],
    [
      'hung up',
      (_, r) => r.writeHead(200, { 'content-type': type, 'content-length': '1000' }).write('00', () => r.destroy()),
      'Unreachable',
      /cannot reach/,
    ],
  ];
  for (const [name, listener, code, message] of cases) {
    const { url } = await rawServer(listener);
    await assert.rejects(refsOf(url), { code, message }, name);
  }
});

test('gives up on servers that cannot be reached, or stall, when the time is over or the caller says so', async () => {
  await assert.rejects(refsOf('http://127.0.0.1:1'), { code: 'Unreachable', message: /ECONNREFUSED/ });
  await assert.rejects(refsOf('http://169.254.169.254/a.git'), { code: 'AddressRefused' });
  const silent = await rawServer(() => {});
  await assert.rejects(refsOf(silent.url, { timeoutMs: 50 }), {
    code: 'Timeout',
    message: /0.05s; raise spec.timeout/,
  });
  const type = 'application/x-git-upload-pack-advertisement';
  const stalling = await rawServer((_, response) => {
    response.writeHead(200, { 'content-type': type }).write('001e# service=git-up');
  });
  await assert.rejects(refsOf(stalling.url, { timeoutMs: 100 }), { code: 'Timeout' });
  const controller = new AbortController();
  const canceled = refsOf(silent.url, { signal: controller.signal });
  controller.abort();
  await assert.rejects(canceled, { code: 'Canceled' });
});

test('this machine is refused where the installation says so, and a token in the query is never shown', async () => {
  const rules = { refuseLoopback: true };
  const remote = connectRemote('http://127.0.0.1:1/a.git?private_token=hunter2', { timeoutMs: 5000, rules });
  await assert.rejects(remote.listRefs(), { code: 'AddressRefused', message: /correct spec\.url/ });
  await remote.close();
  const shown = connectRemote('http://user:hunter2@127.0.0.1:1/a.git?private_token=hunter2', { timeoutMs: 5000 });
  assert.doesNotMatch(shown.url, /hunter2|user/);
  await assert.rejects(shown.listRefs(), error => !String(error).includes('hunter2'));
  await shown.close();
});
