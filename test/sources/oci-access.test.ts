import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { importPKCS8, SignJWT } from 'jose';
import type { KubeObject } from '../../shared/api/object.ts';
import { selfSigned } from '../scenario/certificate.ts';
import { conditionOf } from '../scenario/world.ts';
import { fluxContent, tarGz } from './oci-tar.ts';
import { dockerConfig, dockerConfigType, type OciWorld, startOciWorld } from './oci-world.ts';
import { push, type RegistryServer, type RegistryServerOptions, reader, startRegistry } from './registry.ts';

let world: OciWorld;
const stops: (() => Promise<unknown>)[] = [];
before(async () => {
  world = await startOciWorld();
});
after(async () => {
  for (const stop of stops) await stop();
  await world?.close();
});

const basic = ({ username, password }: typeof reader) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

async function registryWith(options: RegistryServerOptions): Promise<RegistryServer> {
  const registry = await startRegistry(options);
  stops.push(() => registry.stop());
  return registry;
}

const layers = async (text: string) => [{ mediaType: fluxContent, bytes: await tarGz({ 'a.txt': text }) }];
const spec = (registry: RegistryServer, more: Record<string, unknown> = {}) => ({
  url: `oci://${registry.host}/org/app`,
  ref: { tag: 'v1' },
  ...more,
});
const isReady = (object: KubeObject) => assert.equal(conditionOf(object, 'Ready')?.status, 'True', said(object));
const said = (object: KubeObject) =>
  `${conditionOf(object, 'Ready')?.reason}: ${conditionOf(object, 'Ready')?.message}`;

function failedWith(object: KubeObject, reason: string, message: RegExp): void {
  assert.equal(conditionOf(object, 'Ready')?.status, 'False', said(object));
  assert.equal(conditionOf(object, 'FetchFailed')?.reason, reason, said(object));
  assert.match(said(object), new RegExp(`^${reason}: `));
  assert.match(conditionOf(object, 'Ready')!.message, message);
  assert.doesNotMatch(JSON.stringify(object.status), /open sesame|wrong-word/);
}

describe('credentials', () => {
  let registry: RegistryServer;
  before(async () => {
    registry = await registryWith({ auth: 'basic' });
    await push(registry.url, 'org/app', 'v1', { layers: await layers('secret') }, { authorization: basic(reader) });
    await world.secret('pull', dockerConfig(registry.host, reader), dockerConfigType);
    await world.secret('wrong', dockerConfig(registry.host, { ...reader, password: 'wrong-word' }), dockerConfigType);
    await world.secret('elsewhere', dockerConfig('ghcr.io', reader), dockerConfigType);
    await world.secret('opaque', reader);
    await world.secret('broken', { '.dockerconfigjson': '{"auths": []}' }, dockerConfigType);
  });

  test('the image pull Secret of spec.secretRef opens the registry', async () => {
    isReady(await world.reconcile('pull', spec(registry, { secretRef: { name: 'pull' } })));
  });

  const table: [name: string, spec: Record<string, unknown>, reason: string, message: RegExp][] = [
    [
      'none',
      {},
      'OCIArtifactPullFailed',
      /^failed to determine artifact digest: .*the registry wants credentials \(401\)/,
    ],
    [
      'wrong ones',
      { secretRef: { name: 'wrong' } },
      'OCIArtifactPullFailed',
      /does not accept the credentials \(401\)/,
    ],
    [
      'those of another host',
      { secretRef: { name: 'elsewhere' } },
      'OCIArtifactPullFailed',
      /no Secret holds credentials for 127.*'default\/elsewhere' names no such host/,
    ],
    [
      'a Secret of another type',
      { secretRef: { name: 'opaque' } },
      'OCIArtifactPullFailed',
      /'default\/opaque' is of the type Opaque/,
    ],
    [
      'what is no config.json',
      { secretRef: { name: 'broken' } },
      'AuthenticationFailed',
      /^failed to get credential: secret 'default\/broken': key '\.dockerconfigjson' does not hold/,
    ],
    [
      'a Secret that is not there',
      { secretRef: { name: 'absent' } },
      'AuthenticationFailed',
      /^failed to get credential: failed to get secret 'default\/absent': secrets "absent" not found/,
    ],
    [
      'a ServiceAccount that is not there',
      { serviceAccountName: 'absent' },
      'AuthenticationFailed',
      /^failed to get credential: serviceaccount 'default\/absent' not found/,
    ],
    [
      'a cloud that the registry is not of',
      { provider: 'aws' },
      'AuthenticationFailed',
      /^failed to get credential from aws: /,
    ],
    [
      'a proxy Secret that is not there',
      { proxySecretRef: { name: 'absent' } },
      'AuthenticationFailed',
      /^failed to get proxy address: .*'default\/absent'/,
    ],
    [
      'a certificate Secret that is not there',
      { certSecretRef: { name: 'absent' } },
      'AuthenticationFailed',
      /^failed to generate transport for 'oci:.*'default\/absent'/,
    ],
    [
      'a certificate Secret without certificates',
      { certSecretRef: { name: 'opaque' } },
      'AuthenticationFailed',
      /'default\/opaque': it must hold 'ca\.crt'/,
    ],
  ];
  for (const [name, more, reason, message] of table)
    test(`${name}: said, and tried again`, async () => {
      const object = await world.reconcile('refused', spec(registry, more));
      failedWith(object, reason, message);
      assert.equal(conditionOf(object, 'Stalled'), undefined);
      assert.equal(conditionOf(object, 'Reconciling')?.reason, 'ProgressingWithRetry');
    });

  test('image pull Secrets of spec.serviceAccountName open the registry', async () => {
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'puller', namespace: 'default' } };
    await world.apply({ ...account, imagePullSecrets: [{ name: 'opaque' }, { name: 'pull' }] });
    isReady(await world.reconcile('account', spec(registry, { serviceAccountName: 'puller' })));
    await world.apply({ ...account, imagePullSecrets: [{ name: 'gone' }] });
    const failed = await world.again('account');
    failedWith(
      failed,
      'AuthenticationFailed',
      /failed to get image pull secret for serviceaccount 'default\/puller': .*'default\/gone'/,
    );
    assert.ok(failed.status.artifact, 'the last artifact stays');
  });

  test('Secrets come before the cloud', async () => {
    isReady(await world.reconcile('both', spec(registry, { provider: 'aws', secretRef: { name: 'pull' } })));
  });

  test('what failed is told as an error, and its end as a success', async () => {
    await world.reconcile('told', spec(registry, { secretRef: { name: 'pull' } }));
    await world.reconcile('told', spec(registry, { secretRef: { name: 'wrong' } }));
    await world.reconcile('told', spec(registry, { secretRef: { name: 'pull' } }));
    const texts = world.events('told').map(({ text }) => text);
    assert.equal(texts.length, 3);
    assert.match(texts[0]!, /^info NewArtifact: /);
    assert.match(texts[1]!, /^error OCIArtifactPullFailed: failed to determine artifact digest: /);
    assert.match(texts[2]!, /^info Succeeded: stored artifact with revision 'v1@sha256:/);
  });
});

describe('a token server', () => {
  test('hands out tokens of the repository, which the registry takes', async () => {
    const { key, cert } = await selfSigned();
    const chain = new X509Certificate(cert).raw.toString('base64');
    const signer = await importPKCS8(key, 'ES256');
    const asked: string[] = [];
    const tokens = http.createServer(async (request, answer) => {
      const { searchParams } = new URL(request.url ?? '', 'http://x');
      asked.push(searchParams.getAll('scope').join(' '));
      const isReader = request.headers.authorization === basic(reader);
      const isWriter = request.headers.authorization === 'Basic writer';
      if (!isReader && !isWriter) return void answer.writeHead(401).end();
      const actions = isWriter ? ['pull', 'push'] : ['pull'];
      const token = await new SignJWT({ access: [{ type: 'repository', name: 'org/app', actions }], jti: 'x' })
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', x5c: [chain] })
        .setIssuer('tokens')
        .setAudience('registry')
        .setSubject('x')
        .setIssuedAt()
        .setNotBefore('-1m')
        .setExpirationTime('5m')
        .sign(signer);
      answer.end(JSON.stringify({ token }));
    });
    tokens.listen(0, '127.0.0.1');
    await once(tokens, 'listening');
    stops.push(async () => tokens.close());
    const realm = `http://localhost:${(tokens.address() as AddressInfo).port}/token`;
    const registry = await registryWith({ auth: { realm, service: 'registry', issuer: 'tokens', certificate: cert } });
    const written = await fetch(realm, { headers: { authorization: 'Basic writer' } });
    const { token } = (await written.json()) as { token: string };
    await push(registry.url, 'org/app', 'v1', { layers: await layers('token') }, { authorization: `Bearer ${token}` });
    asked.length = 0;

    await world.secret('tokens', dockerConfig(registry.host, reader), dockerConfigType);
    const object = await world.reconcile('tokens', spec(registry, { secretRef: { name: 'tokens' } }));
    isReady(object);
    assert.deepEqual(await world.files(object), { 'a.txt': 'token' });
    assert.deepEqual(asked, ['repository:org/app:pull'], 'one token for all requests');
    failedWith(
      await world.reconcile('tokenless', spec(registry)),
      'OCIArtifactPullFailed',
      /the token server .*wants credentials/,
    );
  });
});

describe('TLS', () => {
  let own: { key: string; cert: string };
  let client: { key: string; cert: string };
  let registry: RegistryServer;
  let mutual: RegistryServer;
  before(async () => {
    [own, client] = [await selfSigned(), await selfSigned()];
    registry = await registryWith({ tls: own });
    mutual = await registryWith({ tls: { ...own, clientCa: client.cert } });
    const pushed = { layers: await layers('tls') };
    await push(registry.url, 'org/app', 'v1', pushed, { fetch: fetchWith({ ca: own.cert }) });
    await push(mutual.url, 'org/app', 'v1', pushed, { fetch: fetchWith({ ca: own.cert, ...client }) });
    await world.secret('ca', { 'ca.crt': own.cert });
    await world.secret('client', { 'ca.crt': own.cert, 'tls.crt': client.cert, 'tls.key': client.key });
    await world.secret('keyless', { 'ca.crt': own.cert, 'tls.crt': client.cert });
    await world.secret('garbled', { 'ca.crt': 'no certificate' });
  });

  test('a private authority is trusted by certSecretRef, and with insecure nobody has to be', async () => {
    failedWith(
      await world.reconcile('untrusted', spec(registry)),
      'OCIArtifactPullFailed',
      /self-signed certificate.*ca\.crt/,
    );
    isReady(await world.reconcile('trusted', spec(registry, { certSecretRef: { name: 'ca' } })));
    isReady(await world.reconcile('insecure', spec(registry, { insecure: true })));
  });

  test('a client certificate opens a registry that asks for one', async () => {
    isReady(await world.reconcile('mutual', spec(mutual, { certSecretRef: { name: 'client' } })));
    const refused = await world.reconcile('nobody', spec(mutual, { certSecretRef: { name: 'ca' } }));
    failedWith(refused, 'OCIArtifactPullFailed', /certificate required|alert/i);
  });

  test('certificates that cannot be used are said to be that', async () => {
    const bad = (name: string) => world.reconcile('bad', spec(registry, { certSecretRef: { name } }));
    failedWith(await bad('keyless'), 'AuthenticationFailed', /'tls\.crt' and 'tls\.key' must be set together/);
    failedWith(await bad('garbled'), 'AuthenticationFailed', /ca\.crt holds no PEM certificate/);
  });
});

describe('a proxy', () => {
  test('takes all requests, with its own password', async () => {
    const registry = await registryWith({});
    await push(registry.url, 'org/app', 'v1', { layers: await layers('proxied') });
    const taken: string[] = [];
    const proxy = http.createServer((request, answer) => {
      if (request.headers['proxy-authorization'] !== basic(reader)) return void answer.writeHead(407).end();
      const url = new URL(request.url ?? '');
      taken.push(`${request.method} ${url.pathname}`);
      const { method, headers } = request;
      const onward = http.request(
        { host: '127.0.0.1', port: registry.port, path: url.pathname, method, headers },
        back => {
          answer.writeHead(back.statusCode ?? 502, back.headers);
          back.pipe(answer);
        },
      );
      onward.end();
    });
    // Nothing is behind https at that port; what asks for it is told so, as by any proxy.
    proxy.on('connect', (request, socket) => {
      taken.push(`CONNECT ${request.url}`);
      const onward = connect(registry.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      onward.on('error', () => socket.destroy());
      socket.on('error', () => onward.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    stops.push(async () => proxy.close());
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    await world.secret('proxy', { address, ...reader });
    await world.secret('no-proxy', { address: 'ftp://x' });
    // A name that means something only where the proxy stands.
    const url = `oci://registry.local:${registry.port}/org/app`;
    const object = await world.reconcile('proxied', { url, ref: { tag: 'v1' }, proxySecretRef: { name: 'proxy' } });
    isReady(object);
    assert.deepEqual(await world.files(object), { 'a.txt': 'proxied' });
    assert.ok(
      taken.some(line => /^HEAD \/v2\/org\/app\/manifests\/v1$/.test(line)) &&
        taken.some(line => /^GET .*blobs/.test(line)),
    );
    const failed = await world.reconcile('unproxied', { url, proxySecretRef: { name: 'no-proxy' } });
    failedWith(failed, 'AuthenticationFailed', /the proxy's address must be http/);
  });
});

/** A fetch that trusts and proves by these certificates: node's own takes none. */
function fetchWith(tls: { ca: string; key?: string; cert?: string }): typeof fetch {
  return async (url, init) => {
    const https = await import('node:https');
    const { method, headers, body } = init ?? {};
    const request = https.request(String(url), { method, headers: headers as Record<string, string>, ...tls });
    request.end(body ? Buffer.from(body as Uint8Array) : undefined);
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of answer) parts.push(part);
    const { location } = answer.headers;
    const back = location ? { location } : {};
    return new Response(parts.length > 0 ? Buffer.concat(parts) : null, { status: answer.statusCode, headers: back });
  };
}
