import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { X509CertificateGenerator } from '@peculiar/x509';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  importSPKI,
  importX509,
  type JSONWebKeySet,
  jwtVerify,
} from 'jose';
import {
  accessToken,
  awsCredentials,
  gitLogin,
  googleKeyToken,
  type IdentityRequest,
  registryLogin,
} from '../../shared/cloud/identity.ts';
import { connect } from '../../shared/kube/client.ts';
import { accessFromKubeconfig } from '../../shared/kube/kubeconfig.ts';
import { HttpClient } from '../../shared/network/http.ts';
import type { CloudEnvironment } from '../../shared/ports/cloud.ts';
import type { Cluster } from '../../shared/ports/cluster.ts';
import { messageOfError } from '../../shared/reconcile/errors.ts';
import { buildBinaries } from '../apiserver/build.ts';
import { type Apiserver, startApiserver } from '../apiserver/cluster.ts';
import { type CloudServices, type Service, startCloudServices } from './cloud-services.ts';

const tenant = '11111111-2222-3333-4444-555555555555';
const client = '66666666-7777-8888-9999-aaaaaaaaaaaa';
const provider = 'projects/123456789012/locations/global/workloadIdentityPools/pool/providers/cluster';
const role = 'arn:aws:iam::111122223333:role/sources';
const subject = 'system:serviceaccount:apps:reader';

let dir: string;
let apiserver: Apiserver;
let cluster: Cluster;
let clouds: CloudServices;
let keys: ReturnType<typeof createLocalJWKSet>;

/** Whether the token is the ServiceAccount's, signed by the cluster, and for this audience. */
async function accepted(token: string | null, audience: string): Promise<boolean> {
  try {
    const { payload } = await jwtVerify(token ?? '', keys, { issuer: 'https://kubernetes.default.svc', audience });
    return payload.sub === subject;
  } catch {
    return false;
  }
}

const entra: Service = async ({ path, form }) => {
  assert.equal(path, `/${tenant}/oauth2/v2.0/token`);
  assert.equal(form.get('grant_type'), 'client_credentials');
  assert.equal(form.get('client_id'), client);
  const trusted =
    form.get('client_secret') === 'hush' ||
    (form.get('client_assertion_type') === 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' &&
      (await accepted(form.get('client_assertion'), 'api://AzureADTokenExchange')));
  if (!trusted)
    return {
      status: 401,
      body: { error: 'invalid_client', error_description: 'AADSTS700213: No matching federated identity' },
    };
  return { body: { access_token: `entra ${form.get('scope')}`, expires_in: 3600, token_type: 'Bearer' } };
};

const registryToken = `e30.${Buffer.from(JSON.stringify({ exp: 4_000_000_000 })).toString('base64url')}.x`;
const acr: Service = ({ path, form }) => {
  assert.equal(path, '/oauth2/exchange');
  assert.equal(form.get('service'), 'team.azurecr.io');
  assert.equal(form.get('access_token'), 'entra https://containerregistry.azure.net/.default');
  return { body: { refresh_token: registryToken } };
};

const googleSts: Service = async ({ path, form }) => {
  assert.equal(path, '/v1/token');
  const audience = `//iam.googleapis.com/${provider}`;
  assert.equal(form.get('audience'), audience);
  if (!(await accepted(form.get('subject_token'), audience)))
    return { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid subject token' } };
  return { body: { access_token: 'federated', expires_in: 3000, token_type: 'Bearer' } };
};

const iamCredentials: Service = ({ path, headers, body }) => {
  assert.equal(path, '/v1/projects/-/serviceAccounts/sources@team.iam.gserviceaccount.com:generateAccessToken');
  assert.equal(headers.authorization, 'Bearer federated');
  assert.ok(JSON.parse(body).scope.includes('https://www.googleapis.com/auth/cloud-platform'));
  return { body: { accessToken: 'impersonated', expireTime: '2099-01-01T00:00:00Z' } };
};

const awsSts: Service = async ({ form, headers }) => {
  assert.equal(form.get('Action'), 'AssumeRoleWithWebIdentity');
  assert.equal(headers.authorization, undefined, 'the token is all that proves');
  if (form.get('RoleArn') !== role || !(await accepted(form.get('WebIdentityToken'), 'sts.amazonaws.com')))
    return {
      status: 403,
      headers: { 'content-type': 'text/xml' },
      body: '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>',
    };
  return {
    headers: { 'content-type': 'text/xml' },
    body: `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role/secret</SecretAccessKey><SessionToken>${form.get('RoleSessionName')}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
  };
};

const signer = generateKeyPairSync('rsa', { modulusLength: 2048 });
const googleTokens: Service = async ({ form }) => {
  const spki = await importSPKI(signer.publicKey.export({ type: 'spki', format: 'pem' }) as string, 'RS256');
  const { payload } = await jwtVerify(form.get('assertion') ?? '', spki, {
    issuer: 'robot@team.iam.gserviceaccount.com',
    audience: 'https://oauth2.googleapis.com/token',
  });
  assert.match(String(payload.scope), /cloud-platform/);
  return { body: { access_token: 'by key', expires_in: 3599, token_type: 'Bearer' } };
};

before(async () => {
  await buildBinaries(line => process.stderr.write(`${line}\n`));
  dir = mkdtempSync(join(tmpdir(), 'sluice-cloud-'));
  apiserver = await startApiserver({ dir, controllerManager: false });
  cluster = connect('production', await accessFromKubeconfig(apiserver.kubeconfig));
  const published = await fetchKeys();
  keys = createLocalJWKSet(published);
  clouds = await startCloudServices({
    'login.microsoftonline.com': entra,
    'team.azurecr.io': acr,
    'sts.googleapis.com': googleSts,
    'iamcredentials.googleapis.com': iamCredentials,
    'oauth2.googleapis.com': googleTokens,
    'sts.eu-west-1.amazonaws.com': awsSts,
  });
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } });
  const annotations = {
    'azure.workload.identity/tenant-id': tenant,
    'azure.workload.identity/client-id': client,
    'gcp.auth.fluxcd.io/workload-identity-provider': provider,
    'eks.amazonaws.com/role-arn': role,
  };
  const account = (name: string, more: Record<string, string> = {}) =>
    cluster.create({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name, namespace: 'apps', annotations: { ...annotations, ...more } },
    });
  await account('reader');
  await account('other');
  await account('robot', { 'iam.gke.io/gcp-service-account': 'sources@team.iam.gserviceaccount.com' });
  await cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'bare', namespace: 'apps' } });
});
after(async () => {
  clouds?.close();
  await apiserver?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** The keys of the cluster's tokens, as it publishes them. */
async function fetchKeys(): Promise<JSONWebKeySet> {
  const http = new HttpClient({ tls: { ca: apiserver.ca } });
  const headers = { authorization: `Bearer ${apiserver.token}` };
  const { body } = await http.read({ url: `${apiserver.url}/openid/v1/jwks`, headers });
  http.close();
  return JSON.parse(body.toString());
}

let now: number;
let environment: CloudEnvironment;
beforeEach(() => {
  now = Date.now();
  // A new one: nothing is known from before.
  environment = {};
  clouds.requests.length = 0;
});

function request(of: 'aws' | 'azure' | 'gcp', serviceAccountName: string | undefined = 'reader'): IdentityRequest {
  const http = new HttpClient({ proxy: { address: clouds.proxy } });
  return { provider: of, cluster, namespace: 'apps', serviceAccountName, http, clock: { now: () => now }, environment };
}

const own = (of: 'aws' | 'azure' | 'gcp'): IdentityRequest => ({ ...request(of), serviceAccountName: undefined });

describe('a ServiceAccount at AWS', () => {
  test('gets keys of its role for its token', async () => {
    const found = await awsCredentials({ ...request('aws'), region: 'eu-west-1' });
    assert.deepEqual(found, {
      accessKeyId: 'ASIAROLE',
      secretAccessKey: 'role/secret',
      sessionToken: 'reader.apps.eu-west-1.fluxcd.io',
      expiresAt: Date.parse('2099-01-01T00:00:00Z'),
    });
    const [asked] = clouds.requests;
    const { aud, sub } = decodeJwt(asked!.form.get('WebIdentityToken')!);
    assert.deepEqual([aud, sub], [['sts.amazonaws.com'], subject]);
  });

  test('is told of a role that does not trust it, and the token is in no message', async () => {
    const refused = awsCredentials({ ...request('aws', 'other'), region: 'eu-west-1' });
    await assert.rejects(refused, error => {
      const text = messageOfError(error);
      assert.match(text, /role arn:aws:iam::111122223333:role\/sources to service account 'apps\/other': AccessDenied/);
      assert.ok(!text.includes(clouds.requests[0]!.form.get('WebIdentityToken')!));
      return (error as { code: string }).code === 'AuthenticationFailed';
    });
  });

  test('signs the URL of CodeCommit with its keys', async () => {
    const url = new URL('https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop');
    const login = await gitLogin({ ...request('aws'), url });
    assert.ok('username' in login);
    assert.equal(login.username, 'ASIAROLE%reader.apps.eu-west-1.fluxcd.io');
    assert.match(login.password, /^\d{8}T\d{6}Z[0-9a-f]{64}$/);
    assert.equal(login.expiresAt, now + 15 * 60_000);
  });
});

describe('a ServiceAccount at Azure', () => {
  test('gets a token for its token, and with it one of the registry', async () => {
    const login = await registryLogin({ ...request('azure'), registry: 'team.azurecr.io' });
    assert.deepEqual(login, {
      username: '00000000-0000-0000-0000-000000000000',
      password: registryToken,
      expiresAt: 4_000_000_000_000,
    });
    assert.deepEqual(
      clouds.requests.map(({ host }) => host),
      ['login.microsoftonline.com', 'team.azurecr.io'],
    );
  });

  test('gets a token of Azure DevOps', async () => {
    const url = new URL('https://dev.azure.com/team/shop/_git/shop');
    assert.deepEqual(await gitLogin({ ...request('azure'), url }), {
      bearerToken: 'entra 499b84ac-1321-427f-aa17-267ca6975798/.default',
      expiresAt: now + 3_600_000,
    });
  });

  test('is told why it gets none', async () => {
    const scope = 'https://storage.azure.com/.default';
    await assert.rejects(accessToken({ ...request('azure', 'other'), scope }), {
      code: 'AuthenticationFailed',
      message:
        'Microsoft Entra ID (login.microsoftonline.com) answers 401: invalid_client: AADSTS700213: No matching federated identity',
    });
  });
});

describe('a ServiceAccount at Google', () => {
  test('gets a token of its own', async () => {
    const login = await registryLogin({ ...request('gcp'), registry: 'europe-docker.pkg.dev' });
    assert.deepEqual(login, { username: 'oauth2accesstoken', password: 'federated', expiresAt: now + 3_000_000 });
  });

  test('is told that the pool does not trust it', async () => {
    await assert.rejects(
      accessToken({ ...request('gcp', 'other'), scope: '' }),
      /invalid_grant: Invalid subject token/,
    );
  });

  test('gets a token of the Google service account that it names', async () => {
    clouds.services.set('sts.googleapis.com', () => ({ body: { access_token: 'federated', expires_in: 3000 } }));
    const found = await accessToken({ ...request('gcp', 'robot'), scope: '' });
    clouds.services.set('sts.googleapis.com', googleSts);
    assert.deepEqual(found, { token: 'impersonated', expiresAt: Date.parse('2099-01-01T00:00:00Z') });
  });
});

describe('what was given is used again', () => {
  const scope = 'https://storage.azure.com/.default';

  test('until most of its life is over', async () => {
    await accessToken({ ...request('azure'), scope });
    now += 47 * 60_000;
    await accessToken({ ...request('azure'), scope });
    assert.equal(clouds.requests.length, 1);
    now += 2 * 60_000;
    await accessToken({ ...request('azure'), scope });
    assert.equal(clouds.requests.length, 2);
  });

  test('by nobody else, and for nothing else', async () => {
    await accessToken({ ...request('azure'), scope });
    await accessToken({ ...request('azure'), scope: 'https://vault.azure.net/.default' });
    await assert.rejects(accessToken({ ...request('azure', 'other'), scope }));
    const elsewhere = {
      ...request('azure'),
      cluster: connect('staging', await accessFromKubeconfig(apiserver.kubeconfig)),
    };
    await accessToken({ ...elsewhere, scope });
    await assert.rejects(accessToken({ ...request('azure'), serviceAccountName: undefined, scope }));
    assert.equal(clouds.requests.length, 4);
  });

  test('not by another account of the same name', async () => {
    const type = { apiVersion: 'v1', kind: 'ServiceAccount' };
    const made = await cluster.get(type, 'apps', 'reader');
    await accessToken({ ...request('azure'), scope });
    await cluster.delete(type, 'apps', 'reader');
    await assert.rejects(accessToken({ ...request('azure'), scope }), {
      message: `failed to get service account 'apps/reader': serviceaccounts "reader" not found`,
    });
    const { annotations = {} } = made!.metadata;
    await cluster.create({ ...type, metadata: { name: 'reader', namespace: 'apps', annotations } });
    await accessToken({ ...request('azure'), scope });
    assert.equal(clouds.requests.length, 2);
  });
});

describe('nothing is sent', () => {
  const registries: ['aws' | 'azure' | 'gcp', string][] = [
    ['aws', 'evil.example.com'],
    ['aws', '111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.example.com'],
    ['aws', '111122223333.dkr.ecr.eu-west-1.amazonaws.com:8443'],
    ['aws', 'public.ecr.aws.evil.example.com'],
    ['azure', 'team.azurecr.io.evil.example.com'],
    ['azure', 'evil.example.com/team.azurecr.io'],
    ['gcp', 'evilgcr.io'],
    ['gcp', 'evil.example.com'],
  ];
  for (const [cloud, registry] of registries)
    test(`for ${cloud} to ${registry}`, async () => {
      await assert.rejects(registryLogin({ ...request(cloud), registry }), error => {
        assert.match((error as Error).message, new RegExp(`no credentials of provider '${cloud}' are sent there`));
        return (error as { code: string }).code === 'AuthenticationFailed';
      });
      assert.equal(clouds.requests.length, 0);
    });

  const urls: ['aws' | 'azure', string][] = [
    ['aws', 'https://git-codecommit.eu-west-1.amazonaws.com.evil.example.com/v1/repos/x'],
    ['aws', 'http://git-codecommit.eu-west-1.amazonaws.com/v1/repos/x'],
    ['aws', 'https://evil.example.com/git-codecommit.eu-west-1.amazonaws.com'],
    ['azure', 'https://dev.azure.com.evil.example.com/x'],
    ['azure', 'http://dev.azure.com/x'],
  ];
  for (const [cloud, url] of urls)
    test(`for ${cloud} to ${url}`, async () => {
      await assert.rejects(gitLogin({ ...request(cloud), url: new URL(url) }), /are sent there/);
      assert.equal(clouds.requests.length, 0);
    });

  for (const stsEndpoint of ['https://evil.example.com/x.sts.amazonaws.com', 'http://sts.amazonaws.com', 'sts'])
    test(`to the STS endpoint ${stsEndpoint}`, async () => {
      await assert.rejects(
        awsCredentials({ ...request('aws'), region: 'eu-west-1', stsEndpoint }),
        /invalid STS endpoint/,
      );
      assert.equal(clouds.requests.length, 0);
    });

  test('for an account without the annotations', async () => {
    const bare = (of: 'aws' | 'azure' | 'gcp') => ({ ...request(of, 'bare'), region: 'eu-west-1', scope: '' });
    await assert.rejects(awsCredentials(bare('aws')), /'apps\/bare' lacks the annotation eks.amazonaws.com\/role-arn/);
    await assert.rejects(accessToken(bare('azure')), /lacks the annotation azure.workload.identity\/tenant-id/);
    await assert.rejects(
      accessToken(bare('gcp')),
      /lacks the annotation gcp.auth.fluxcd.io\/workload-identity-provider/,
    );
    assert.equal(clouds.requests.length, 0);
  });
});

test("a user's authorities do not vouch for a cloud", async () => {
  const impostors = await startCloudServices(
    { 'impostor.example.com': entra, 'login.microsoftonline.com': entra },
    true,
  );
  const access = { proxy: { address: impostors.proxy }, tls: { ca: impostors.certificate } };
  const http = new HttpClient(access);
  try {
    // To him they are the cloud, and the credentials of others must not be given to him.
    assert.equal((await http.read({ url: 'https://login.microsoftonline.com/' })).status, 500);
    await assert.rejects(accessToken({ ...request('azure'), http, scope: 'x' }), error => {
      assert.match(messageOfError(error), /self-signed certificate/);
      return true;
    });
    assert.equal(impostors.requests.length, 1);
  } finally {
    http.close();
    impostors.close();
  }
});

describe('the installation itself', () => {
  test('has the keys of its environment at AWS', async () => {
    environment = { AWS_ACCESS_KEY_ID: 'ASIAOWN', AWS_SECRET_ACCESS_KEY: 'own', AWS_SESSION_TOKEN: 'session' };
    const found = await awsCredentials({ ...own('aws'), environment });
    assert.deepEqual(found, {
      accessKeyId: 'ASIAOWN',
      secretAccessKey: 'own',
      sessionToken: 'session',
      expiresAt: Number.POSITIVE_INFINITY,
    });
  });

  test('proves itself at Azure with a secret', async () => {
    environment = { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client, AZURE_CLIENT_SECRET: 'hush' };
    const found = await accessToken({ ...own('azure'), environment, scope: 'https://storage.azure.com/.default' });
    assert.equal(found.token, 'entra https://storage.azure.com/.default');
  });

  test('proves itself at Google with a key, in a file or as it is', async () => {
    const key = googleKey();
    const file = join(dir, 'key.json');
    writeFileSync(file, key);
    for (const named of [file, key]) {
      environment = { GOOGLE_APPLICATION_CREDENTIALS: named };
      assert.equal((await accessToken({ ...own('gcp'), environment, scope: '' })).token, 'by key');
    }
  });

  test('proves itself at Azure with a certificate', async () => {
    const { key, cert } = await rsaCertificate();
    const file = join(dir, 'certificate.pem');
    writeFileSync(file, `${key}${cert}`);
    clouds.services.set('login.microsoftonline.com', async ({ form }) => {
      const assertion = form.get('client_assertion') ?? '';
      const header = decodeProtectedHeader(assertion);
      const endpoint = `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`;
      await jwtVerify(assertion, await importX509(cert, 'PS256'), {
        issuer: client,
        subject: client,
        audience: endpoint,
      });
      assert.equal(header['x5t#S256'], createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url'));
      return { status: 400, body: { error: 'seen' } };
    });
    environment = { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client, AZURE_CLIENT_CERTIFICATE_PATH: file };
    await assert.rejects(accessToken({ ...own('azure'), environment, scope: 'x' }), /answers 400: seen/);
    clouds.services.set('login.microsoftonline.com', entra);
  });

  test('is the machine at Azure and Google, by their metadata services', async () => {
    const seen: string[] = [];
    const machine = createServer((incoming, response) => {
      seen.push(`${incoming.url} ${incoming.headers.metadata ?? incoming.headers['metadata-flavor']}`);
      response.end(JSON.stringify({ access_token: 'machine', expires_in: '3600' }));
    }).listen(0, '127.0.0.1');
    await once(machine, 'listening');
    const host = `127.0.0.1:${(machine.address() as AddressInfo).port}`;
    environment = {
      AZURE_POD_IDENTITY_AUTHORITY_HOST: `http://${host}`,
      AZURE_CLIENT_ID: client,
      GCE_METADATA_HOST: host,
    };
    const scope = 'https://storage.azure.com/.default';
    const found = { token: 'machine', expiresAt: now + 3_600_000 };
    assert.deepEqual(await accessToken({ ...own('azure'), environment, scope }), found);
    assert.deepEqual(await accessToken({ ...own('gcp'), environment, scope }), found);
    assert.deepEqual(seen, [
      `/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com&client_id=${client} true`,
      '/computeMetadata/v1/instance/service-accounts/default/token Google',
    ]);
    machine.close();
  });

  test('is federated at Google by what GOOGLE_APPLICATION_CREDENTIALS describes', async () => {
    const asked: string[] = [];
    const sts = createServer(async (incoming, response) => {
      const form = new URLSearchParams(Buffer.concat(await incoming.toArray()).toString());
      asked.push(`${form.get('subject_token')} ${form.get('scope')}`);
      const token = { access_token: 'by federation', expires_in: 3600, token_type: 'Bearer' };
      const issued_token_type = 'urn:ietf:params:oauth:token-type:access_token';
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ ...token, issued_token_type }));
    }).listen(0, '127.0.0.1');
    await once(sts, 'listening');
    const file = join(dir, 'subject');
    writeFileSync(file, 'subject');
    const described = {
      type: 'external_account',
      audience: `//iam.googleapis.com/${provider}`,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `http://127.0.0.1:${(sts.address() as AddressInfo).port}/v1/token`,
      credential_source: { file },
    };
    environment = { GOOGLE_APPLICATION_CREDENTIALS: JSON.stringify(described) };
    const found = await accessToken({ ...own('gcp'), environment, scope: '' });
    assert.equal(found.token, 'by federation');
    assert.ok(found.expiresAt > now);
    assert.match(asked[0]!, /^subject .*cloud-platform/);
    sts.close();
    environment = {
      GOOGLE_APPLICATION_CREDENTIALS: JSON.stringify({ ...described, credential_source: { file: '/none' } }),
    };
    await assert.rejects(
      accessToken({ ...own('gcp'), environment, scope: '' }),
      /\(type external_account\) give no token/,
    );
  });

  test('says what it lacks, on Lambda without asking where there is nobody', async () => {
    environment = { AWS_LAMBDA_FUNCTION_NAME: 'sluice-source' };
    for (const cloud of ['azure', 'gcp'] as const)
      await assert.rejects(accessToken({ ...own(cloud), environment, scope: 'x' }), {
        code: 'AuthenticationFailed',
        message: /has no identity at (Azure|Google): set .* or name an annotated ServiceAccount/,
      });
  });
});

test('a key of a Secret is a service account’s and nothing else', async () => {
  const { http, clock } = request('gcp');
  assert.equal((await googleKeyToken({ http, clock }, googleKey(), 'the key')).token, 'by key');
  const external = JSON.stringify({ type: 'external_account', credential_source: { file: '/etc/passwd' } });
  for (const text of [external, 'no JSON', '{}'])
    await assert.rejects(googleKeyToken({ http, clock }, text, "'serviceaccount' of secret 'apps/key'"), {
      code: 'AuthenticationFailed',
      message: /^'serviceaccount' of secret 'apps\/key' is n/,
    });
});

function googleKey(): string {
  return JSON.stringify({
    type: 'service_account',
    client_email: 'robot@team.iam.gserviceaccount.com',
    private_key_id: 'first',
    private_key: signer.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    token_uri: 'https://oauth2.googleapis.com/token',
  });
}

/** Entra ID takes no others. */
async function rsaCertificate(): Promise<{ key: string; cert: string }> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const cert = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=sluice',
    keys,
    signingAlgorithm: algorithm,
  });
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' });
  return { key: String(key), cert: cert.toString('pem') };
}
