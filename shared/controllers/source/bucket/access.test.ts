import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { after, test } from 'node:test';
import { selfSigned } from '../../../../test/scenario/certificate.ts';
import { bucketName, refuse, startS3Server } from '../testing/s3-server.ts';
import { conditionText, startSourceWorld } from '../testing/source-world.ts';
import { bucketController } from './bucket.ts';

const world = await startSourceWorld('Bucket', [bucketController]);
after(() => world.close());
const server = await selfSigned();
const client = await selfSigned();

/** The access key and the session token that a request was signed with. */
const signedWith = (headers: Record<string, unknown>) => [
  /Credential=([^/]+)\//.exec(String(headers.authorization))?.[1],
  headers['x-amz-security-token'],
];

test('certSecretRef: the authority of the server, and our own certificate where it asks for one', async () => {
  const s3 = await startS3Server({ ...server, ca: client.cert });
  after(() => s3.close());
  s3.objects.set('a.yaml', 'a');
  const spec = { bucketName, endpoint: s3.endpoint };
  const unknown = await world.reconcile('unknown', spec);
  assert.match(conditionText(unknown, 'Ready')!, /^False BucketOperationFailed: .*certificate/);
  await world.secret('ca', { 'ca.crt': server.cert });
  const nobody = await world.reconcile('nobody', { ...spec, certSecretRef: { name: 'ca' } });
  assert.match(conditionText(nobody, 'Ready')!, /^False BucketOperationFailed: /);
  await world.secret(
    'mutual',
    { 'ca.crt': server.cert, 'tls.crt': client.cert, 'tls.key': client.key },
    'kubernetes.io/tls',
  );
  const known = await world.reconcile('known', { ...spec, certSecretRef: { name: 'mutual' } });
  assert.deepEqual(await world.files(known), { 'a.yaml': 'a' });
});

test('proxySecretRef: all that is asked of the storage goes through the proxy, which may want a password', async () => {
  const s3 = await startS3Server(server);
  s3.objects.set('a.yaml', 'a');
  const asked: (string | undefined)[][] = [];
  const proxy = createServer().listen(0, '127.0.0.1');
  proxy.on('connect', (request, socket) => {
    asked.push([request.url, request.headers['proxy-authorization']]);
    socket.on('error', () => undefined);
    const onward = connect(Number(request.url!.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
  });
  await once(proxy, 'listening');
  after(() => {
    proxy.close();
    proxy.closeAllConnections();
    return s3.close();
  });
  const { port } = proxy.address() as AddressInfo;
  await world.secret('proxy', { address: `http://127.0.0.1:${port}`, username: 'mandalorian', password: 'grogu' });
  await world.secret('ca', { 'ca.crt': server.cert });
  const spec = { bucketName, endpoint: s3.endpoint, certSecretRef: { name: 'ca' }, proxySecretRef: { name: 'proxy' } };
  const bucket = await world.reconcile('proxied', spec);
  assert.deepEqual(await world.files(bucket), { 'a.yaml': 'a' });
  assert.ok(asked.length > 0);
  const login = `Basic ${Buffer.from('mandalorian:grogu').toString('base64')}`;
  for (const [target, authorization] of asked) assert.deepEqual([target, authorization], [s3.endpoint, login]);
});

test('sts of ldap: the keys that the service gives for a name and a password sign the requests', async () => {
  const forms: URLSearchParams[] = [];
  const sts = createSecureServer({ ...server, ca: client.cert, requestCert: true }, async (request, answer) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const form = new URLSearchParams(body);
    forms.push(form);
    if (form.get('LDAPPassword') !== 'grogu') {
      answer
        .writeHead(400)
        .end(
          '<ErrorResponse><Error><Code>InvalidParameterValue</Code><Message>LDAP server error: no such user</Message></Error></ErrorResponse>',
        );
      return;
    }
    answer.end(
      `<?xml version="1.0" encoding="UTF-8"?>
<AssumeRoleWithLDAPIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithLDAPIdentityResult><Credentials><AccessKeyId>LDAPKEY</AccessKeyId><SecretAccessKey>secret&amp;key</SecretAccessKey><Expiration>2099-01-01T00:00:00Z</Expiration><SessionToken>session+token/==</SessionToken></Credentials></AssumeRoleWithLDAPIdentityResult></AssumeRoleWithLDAPIdentityResponse>`,
    );
  }).listen(0, '127.0.0.1');
  await once(sts, 'listening');
  const s3 = await startS3Server();
  after(() => {
    sts.close();
    return s3.close();
  });
  s3.objects.set('a.yaml', 'a');
  s3.fault = ({ headers }, answer) => {
    const [key, token] = signedWith(headers);
    return key === 'LDAPKEY' && token === 'session+token/==' ? false : refuse(answer, 403, 'AccessDenied');
  };
  const endpoint = `https://127.0.0.1:${(sts.address() as AddressInfo).port}`;
  const spec = (user: string) => ({
    bucketName,
    endpoint: s3.endpoint,
    insecure: true,
    sts: { provider: 'ldap', endpoint, secretRef: { name: user }, certSecretRef: { name: 'sts-tls' } },
  });
  await world.secret('sts-tls', { 'ca.crt': server.cert, 'tls.crt': client.cert, 'tls.key': client.key });
  await world.secret('user', { username: 'mandalorian', password: 'grogu' });
  const bucket = await world.reconcile('ldap', spec('user'));
  assert.deepEqual(await world.files(bucket), { 'a.yaml': 'a' });
  assert.equal(forms[0]?.get('Action'), 'AssumeRoleWithLDAPIdentity');
  assert.equal(forms[0]?.get('LDAPUsername'), 'mandalorian');
  assert.equal(forms.length, 1, 'once in a reconcile');
  // The same name and password are somebody else's at another service, even when both are asked at once.
  const there = { ...spec('user').sts, endpoint: 'https://127.0.0.1:1' };
  await world.reconcile('ldap-elsewhere', { ...spec('user'), sts: there });
  const both = [world.again('ldap'), world.again('ldap-elsewhere')];
  world.clock.ahead += 1000;
  const [here, elsewhere] = await Promise.all(both);
  assert.match(conditionText(here!, 'Ready')!, /^True/);
  assert.match(
    conditionText(elsewhere!, 'Ready')!,
    /^False AuthenticationFailed: spec\.sts\.endpoint could not be asked/,
  );
  assert.doesNotMatch(conditionText(elsewhere!, 'Reconciling') ?? '', /new upstream revision/, 'it was told nothing');
  await world.secret('stranger', { username: 'mandalorian', password: 'guess' });
  const refused = await world.reconcile('ldap-stranger', spec('stranger'));
  assert.match(
    conditionText(refused, 'Ready')!,
    /^False AuthenticationFailed: the STS endpoint https:\/\/127\.0\.0\.1:\d+\/ answers 400: InvalidParameterValue: LDAP server error: no such user$/,
  );
  assert.doesNotMatch(JSON.stringify([refused.status, world.log]), /guess|grogu|secret&key/);
});

test('provider aws without an identity of the installation says how to get one', async () => {
  const bucket = await world.reconcile('aws', {
    provider: 'aws',
    bucketName,
    endpoint: 's3.amazonaws.com',
    region: 'us-east-1',
  });
  assert.match(conditionText(bucket, 'Ready')!, /^False AuthenticationFailed: /);
  const account = await world.reconcile('account', {
    provider: 'aws',
    bucketName,
    endpoint: 's3.amazonaws.com',
    serviceAccountName: 'absent',
  });
  assert.match(
    conditionText(account, 'Ready')!,
    /^False AuthenticationFailed: failed to get service account 'default\/absent'/,
  );
});

test('an address that nothing may be fetched from is refused', async () => {
  const bucket = await world.reconcile('metadata', { bucketName, endpoint: '169.254.169.254', insecure: true });
  assert.match(
    conditionText(bucket, 'Ready')!,
    /^False BucketOperationFailed: .*refusing to connect to 169\.254\.169\.254/,
  );
});
