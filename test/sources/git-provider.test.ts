/** GitRepositories at clouds: Git's own server behind what checks credentials as CodeCommit and Azure DevOps do. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createRepository } from '../../shared/local/git-server.ts';
import { artifactFiles } from '../scenario/artifact-files.ts';
import { selfSigned } from '../scenario/certificate.ts';
import { gitRepository, secret, yaml } from '../scenario/manifests.ts';
import { conditionOf, startWorld } from '../scenario/world.ts';

const codeCommit = 'git-codecommit.eu-west-1.amazonaws.com';
const devOps = 'dev.azure.com';
const login = 'login.microsoftonline.com';
const [tenant, installation, reader] = [1, 2, 3].map(n => `00000000-0000-0000-0000-00000000000${n}`);
const keys = { id: 'AKIATEST', secret: 'aws-secret' };

const dir = mkdtempSync(join(tmpdir(), 'sluice-clouds-'));
const authority = await selfSigned([login]);
const clouds = await selfSigned([codeCommit, devOps]);
writeFileSync(join(dir, 'ca.pem'), `${authority.cert}\n${clouds.cert}`);
// The installation's own identities, and that it trusts the clouds as they are here.
Object.assign(process.env, {
  AWS_ACCESS_KEY_ID: keys.id,
  AWS_SECRET_ACCESS_KEY: keys.secret,
  AZURE_TENANT_ID: tenant,
  AZURE_CLIENT_ID: installation,
  AZURE_CLIENT_SECRET: 'azure-secret',
  NODE_EXTRA_CA_CERTS: join(dir, 'ca.pem'),
});
const world = await startWorld();
const ns = 'clouds';
await world.namespace(ns);

/** Requests that opened, by host. */
const opened: string[] = [];

/** Answers with a repository of the Git server, to who is allowed to. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const { host = '', authorization = '' } = request.headers;
  const [path = '', rest = ''] = (request.url ?? '').split(/(?=\/(?:info|git-upload-pack))/);
  const may = host === codeCommit ? isSigned(path, authorization) : /^Bearer entra-[0-9-]+$/.test(authorization);
  if (!may) return void response.writeHead(403).end();
  opened.push(`${host} ${host === devOps ? authorization : 'signed'}`);
  const { authorization: _, host: __, ...headers } = request.headers;
  const url = new URL(`/app.git${rest}`, world.git.url);
  const onward = forward(url, { method: request.method, headers }, answer => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
  });
  request.pipe(onward);
}

/** As CodeCommit checks it: a signature of version 4, over the path, of an hour that is now. */
function isSigned(path: string, authorization: string): boolean {
  const [user, password = ''] = Buffer.from(authorization.replace(/^Basic /, ''), 'base64')
    .toString()
    .split(':');
  const [, date = '', signature] = /^(\d{8}T\d{6})Z([0-9a-f]{64})$/.exec(password) ?? [];
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const scope = `${date.slice(0, 8)}/eu-west-1/codecommit/aws4_request`;
  const canonical = createHash('sha256').update(`GIT\n${path}\n\nhost:${codeCommit}\n\nhost\n`).digest('hex');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${keys.secret}`);
  return (
    user === keys.id && hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${canonical}`).toString('hex') === signature
  );
}

const entra = createTlsServer({ key: authority.key, cert: authority.cert }, async (request, response) => {
  const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
  const proved = form.get('client_secret') === 'azure-secret' || form.get('client_assertion')?.split('.').length === 3;
  const body = proved
    ? { access_token: `entra-${form.get('client_id')}`, expires_in: 3600 }
    : { error: 'invalid_client', error_description: 'no' };
  response.writeHead(proved ? 200 : 401, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
const hosts = createTlsServer({ key: clouds.key, cert: clouds.cert }, serve);
const proxy = createServer();
proxy.on('connect', (request, socket, head) => {
  const target = request.url?.startsWith(login) ? entra : hosts;
  const upstream = connect((target.address() as AddressInfo).port, '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    upstream.write(head);
    upstream.pipe(socket).pipe(upstream);
  });
  upstream.on('error', () => socket.destroy());
  socket.on('error', () => upstream.destroy());
});
for (const server of [entra, hosts, proxy]) await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
after(() => {
  for (const server of [entra, hosts, proxy]) {
    server.close();
    server.closeAllConnections();
  }
  rmSync(dir, { recursive: true });
});

await createRepository(world.repositories, 'app.git', { 'a.txt': '1' });
await world.apply(
  yaml(
    secret(ns, 'proxy', { address: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` }),
    secret(ns, 'authority', { 'ca.crt': clouds.cert }),
  ),
);
const at = (name: string, url: string, spec: object) =>
  gitRepository(ns, name, url, { proxySecretRef: { name: 'proxy' }, ...spec });
/** Whom to trust is the object's own word. */
const own = { secretRef: { name: 'authority' } };
const ready = (name: string) => world.condition('GitRepository', ns, name, 'Ready', 'True', 'Succeeded');

test('CodeCommit opens to the identity of the installation, which no object can have shown to a server of its own', async () => {
  const url = `https://${codeCommit}/v1/repos/app`;
  await world.apply(yaml(at('codecommit', url, { provider: 'aws' }), at('thief', url, { provider: 'aws', ...own })));
  assert.deepEqual(await artifactFiles((await ready('codecommit')).status.artifact), { 'a.txt': '1' });
  assert.ok(opened.includes(`${codeCommit} signed`));
  const thief = await world.condition('GitRepository', ns, 'thief', 'Ready', 'False', 'AuthenticationFailed');
  assert.match(
    conditionOf(thief, 'FetchFailed')!.message,
    /the installation's credentials are not shown through a proxy/,
  );
});

test('Azure DevOps opens to the identity of the installation, and to that of a ServiceAccount', async () => {
  const url = `https://${devOps}/team/shop/_git/app`;
  const account = (name: string, client?: string) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {
      namespace: ns,
      name,
      annotations: client
        ? { 'azure.workload.identity/client-id': client, 'azure.workload.identity/tenant-id': tenant }
        : {},
    },
  });
  await world.apply(
    yaml(
      account('reader', reader),
      account('nobody'),
      at('own', url, { provider: 'azure' }),
      at('account', url, { provider: 'azure', serviceAccountName: 'reader', ...own }),
      at('nobody', url, { provider: 'azure', serviceAccountName: 'nobody' }),
      at('absent', url, { provider: 'azure', serviceAccountName: 'absent' }),
    ),
  );
  for (const name of ['own', 'account']) await ready(name);
  for (const client of [installation, reader]) assert.ok(opened.includes(`${devOps} Bearer entra-${client}`), client);
  const table: [string, RegExp][] = [
    ['nobody', /service account 'clouds\/nobody' lacks the annotation azure.workload.identity/],
    ['absent', /serviceaccounts "absent" not found/],
  ];
  for (const [name, message] of table) {
    const failed = await world.condition('GitRepository', ns, name, 'Ready', 'False', 'AuthenticationFailed');
    assert.match(conditionOf(failed, 'FetchFailed')!.message, /^failed to configure authentication options: /);
    assert.match(conditionOf(failed, 'FetchFailed')!.message, message);
  }
});
