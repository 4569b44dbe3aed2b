import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, test } from 'node:test';
import { json, type LoopbackRegistry, startLoopbackRegistry } from '../../shared/oci/testing/loopback-registry.ts';
import { selfSigned } from '../scenario/certificate.ts';
import { conditionOf } from '../scenario/world.ts';
import { tarGz } from './oci-tar.ts';
import { type OciWorld, startOciWorld } from './oci-world.ts';

const host = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
let world: OciWorld;
let registry: LoopbackRegistry;
let proxy: http.Server;
const asked: string[] = [];
const password = 'token-of-ecr';

const roleKeys = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult><Credentials>
    <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role/secret</SecretAccessKey><SessionToken>session</SessionToken>
    <Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration>
  </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;

/** ECR's API, and the way to the registry that has its name: a proxy resolves names as it likes. */
before(async () => {
  const certificate = await selfSigned([host]);
  registry = await startLoopbackRegistry({ tls: certificate });
  proxy = http.createServer(async (request, answer) => {
    const target = request.headers['x-amz-target'];
    const by = /Credential=([^/]*)/.exec(String(request.headers.authorization))?.[1];
    asked.push(`${target ?? 'AssumeRoleWithWebIdentity'} ${by}`);
    request.resume();
    if (!target) return void answer.setHeader('content-type', 'text/xml').end(roleKeys);
    const authorizationToken = Buffer.from(`AWS:${password}`).toString('base64');
    const expiresAt = Date.now() / 1000 + 43_200;
    answer.setHeader('content-type', 'application/x-amz-json-1.1');
    answer.end(JSON.stringify({ authorizationData: [{ authorizationToken, expiresAt }] }));
  });
  proxy.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    const onward = connect(Number(registry.host.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  world = await startOciWorld();
  world.ports.cloud = {
    AWS_REGION: 'eu-west-1',
    AWS_ENDPOINT_URL_STS: 'http://sts.example',
    AWS_ENDPOINT_URL_ECR: 'http://api.ecr.example',
  };
  const annotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/puller' };
  const metadata = { name: 'puller', namespace: 'default', annotations };
  await world.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  await world.secret('proxy', { address: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });
  await world.secret('ca', { 'ca.crt': certificate.cert });
});
after(async () => {
  await world?.close();
  await registry?.close();
  proxy?.closeAllConnections();
  proxy?.close();
});

test('provider aws: ECR is opened by the role of the ServiceAccount', async () => {
  registry.artifact('org/app', 'v1', await tarGz({ 'a.txt': 'ecr' }));
  registry.intercept = ({ method, headers }, answer) => {
    if (headers.authorization === `Basic ${Buffer.from(`AWS:${password}`).toString('base64')}`) return false;
    answer.setHeader('www-authenticate', `Basic realm="https://${host}/",service="ecr.amazonaws.com"`);
    json(answer, method, 401, { errors: [{ code: 'DENIED', message: 'Your authorization token has expired.' }] });
    return true;
  };
  const spec = {
    url: `oci://${host}/org/app`,
    ref: { tag: 'v1' },
    provider: 'aws',
    serviceAccountName: 'puller',
    proxySecretRef: { name: 'proxy' },
    certSecretRef: { name: 'ca' },
  };
  const object = await world.reconcile('ecr', spec);
  assert.equal(conditionOf(object, 'Ready')?.status, 'True', conditionOf(object, 'Ready')?.message);
  assert.deepEqual(await world.files(object), { 'a.txt': 'ecr' });
  const [sts, ecr] = asked;
  assert.match(sts ?? '', /^AssumeRoleWithWebIdentity/);
  assert.equal(ecr, 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken ASIAROLE');
  assert.ok(asked.includes(`CONNECT ${host}:443`));

  const nobody = await world.reconcile('ecr', { ...spec, serviceAccountName: 'absent' });
  assert.equal(conditionOf(nobody, 'FetchFailed')?.reason, 'AuthenticationFailed');
  assert.match(conditionOf(nobody, 'Ready')!.message, /serviceaccount 'default\/absent' not found/);
  assert.doesNotMatch(JSON.stringify(nobody.status), /token-of-ecr|role\/secret/);
  assert.ok(nobody.status.artifact, 'the last artifact stays');
});
