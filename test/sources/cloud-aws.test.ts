import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import { awsCredentials, gitLogin, type IdentityRequest, registryLogin } from '../../shared/cloud/identity.ts';
import { connect } from '../../shared/kube/client.ts';
import { accessFromKubeconfig } from '../../shared/kube/kubeconfig.ts';
import { HttpClient } from '../../shared/network/http.ts';
import type { CloudEnvironment } from '../../shared/ports/cloud.ts';
import type { Cluster } from '../../shared/ports/cluster.ts';
import { messageOfError } from '../../shared/reconcile/errors.ts';
import { installAwsProgram } from '../aws/install.ts';
import { startMoto } from '../aws/servers.ts';
import type { ServerProcess } from '../programs/server-process.ts';
import { startTarget, type Target } from '../scenario/target.ts';
import { type CloudServices, startCloudServices } from './cloud-services.ts';

const role = 'arn:aws:iam::111122223333:role/sources';
const own = { AWS_ACCESS_KEY_ID: 'AKIAOWN', AWS_SECRET_ACCESS_KEY: 'own/secret', AWS_SESSION_TOKEN: 'own+session' };

let dir: string;
let target: Target;
let cluster: Cluster;
let moto: ServerProcess;
let clouds: CloudServices;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-cloud-aws-'));
  [moto, target] = await Promise.all([startMoto(dir), startTarget(join(dir, 'cluster'))]);
  cluster = connect('production', await accessFromKubeconfig(target.kubeconfig));
  clouds = await startCloudServices({
    'api.ecr-public.us-east-1.amazonaws.com': async ({ headers, body }) => {
      if (headers.authorization !== (await signedAgain(headers, body)))
        return { status: 400, body: { __type: 'InvalidSignatureException', message: 'it does not match' } };
      const authorizationToken = Buffer.from('AWS:public:password').toString('base64');
      return { body: { authorizationData: { authorizationToken, expiresAt: 4_000_000_000.5 } } };
    },
  });
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } });
  const annotations = { 'eks.amazonaws.com/role-arn': role };
  await cluster.create({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'reader', namespace: 'apps', annotations },
  });
});
after(async () => {
  clouds?.close();
  await Promise.all([moto?.stop(), target?.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

/** The signature as AWS's own library makes it, of a request that was received. */
async function signedAgain(headers: Record<string, string | string[] | undefined>, body: string): Promise<string> {
  const signer = new SignatureV4({
    service: 'ecr-public',
    region: 'us-east-1',
    credentials: {
      accessKeyId: own.AWS_ACCESS_KEY_ID,
      secretAccessKey: own.AWS_SECRET_ACCESS_KEY,
      sessionToken: own.AWS_SESSION_TOKEN,
    },
    sha256: Sha256,
    applyChecksum: false,
  });
  const names = /SignedHeaders=([^,]*)/.exec(String(headers.authorization))?.[1]?.split(';') ?? [];
  const signed = Object.fromEntries(
    names.filter(name => !name.startsWith('x-amz-date')).map(name => [name, String(headers[name])]),
  );
  const date = String(headers['x-amz-date']).replace(
    /^(....)(..)(..)T(..)(..)(..)Z$/,
    (_, ...parts) => `${parts.slice(0, 3).join('-')}T${parts.slice(3, 6).join(':')}Z`,
  );
  const request = { method: 'POST', protocol: 'https:', hostname: signed.host!, path: '/', headers: signed, body };
  const again = await signer.sign(request, { signingDate: new Date(date) });
  return String(again.headers.authorization);
}

class Sha256 {
  readonly #hash;
  constructor(secret?: unknown) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as string);
  }
  update(data: unknown): void {
    this.#hash.update(data as string);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

let environment: CloudEnvironment;
beforeEach(() => {
  const endpoint = `http://127.0.0.1:${moto.port}`;
  environment = { ...own, AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL_STS: endpoint, AWS_ENDPOINT_URL_ECR: endpoint };
});

function request(serviceAccountName?: string, http = new HttpClient()): IdentityRequest {
  const clock = { now: () => Date.now() };
  return { provider: 'aws', cluster, namespace: 'apps', serviceAccountName, http, clock, environment };
}

const registry = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';

describe('STS and ECR, as moto has them', () => {
  test('a ServiceAccount gets keys, and with them a login for the registry', async () => {
    const keys = await awsCredentials({ ...request('reader'), region: 'eu-west-1' });
    assert.match(keys.accessKeyId, /^ASIA/);
    assert.ok(keys.sessionToken && keys.expiresAt > Date.now());
    const login = await registryLogin({ ...request('reader'), registry });
    assert.deepEqual([login.username, login.password], ['AWS', '111122223333-auth-token']);
    assert.ok(login.expiresAt > 0, 'moto says 2015');
  });

  test('so does the installation, with the keys of its process', async () => {
    for (const host of [
      registry,
      '111122223333.dkr.ecr-fips.eu-west-1.amazonaws.com',
      '111122223333.dkr-ecr.eu-west-1.on.aws',
    ])
      assert.equal((await registryLogin({ ...request(), registry: host })).username, 'AWS');
  });

  test('on Lambda it becomes the role for sources, and has nothing without one', async () => {
    environment = { ...environment, AWS_LAMBDA_FUNCTION_NAME: 'sluice-source' };
    await assert.rejects(awsCredentials(request()), {
      code: 'AuthenticationFailed',
      message: /^this installation may read nothing at AWS in its own name: list what it may under sources.aws/,
    });
    environment = { ...environment, SLUICE_SOURCES_ROLE_ARN: 'arn:aws:iam::123456789012:role/sluice-SourcesRole' };
    const found = await awsCredentials(request());
    assert.match(found.accessKeyId, /^ASIA/);
    assert.notEqual(found.accessKeyId, own.AWS_ACCESS_KEY_ID);
    assert.deepEqual(await awsCredentials(request()), found, 'for as long as they last');
  });

  test('what does not answer is told with where, and no credential', async () => {
    environment = { ...environment, AWS_ENDPOINT_URL_ECR: 'http://127.0.0.1:1' };
    await assert.rejects(registryLogin({ ...request(), registry }), error => {
      const text = messageOfError(error);
      assert.match(text, /^ECR in eu-west-1 gives out no login/);
      assert.match(text, /127\.0\.0\.1:1/);
      for (const secret of Object.values(own)) assert.ok(!text.includes(secret), text);
      return true;
    });
  });

  test('this machine is refused where the rules say so', async () => {
    const http = new HttpClient({ rules: { refuseLoopback: true } });
    await assert.rejects(registryLogin({ ...request(undefined, http), registry }), error => {
      assert.match(messageOfError(error), /a link-local or metadata address, or one of this machine/);
      return true;
    });
  });
});

test('ECR Public takes our signature, which is that of the SDK', async () => {
  const http = new HttpClient({ proxy: { address: clouds.proxy } });
  const login = await registryLogin({ ...request(undefined, http), registry: 'public.ecr.aws' });
  assert.deepEqual(login, { username: 'AWS', password: 'public:password', expiresAt: 4_000_000_000_500 });
  environment = { ...environment, AWS_SECRET_ACCESS_KEY: randomUUID() };
  await assert.rejects(
    registryLogin({ ...request(undefined, http), registry: 'public.ecr.aws' }),
    /ECR Public \(api.ecr-public.us-east-1.amazonaws.com\) answers 400/,
  );
});

/** As git-remote-codecommit signs: by botocore, the method GIT, the URL alone. */
const botocore = `
import sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
key, secret, token, url, region, path, host, date = sys.argv[1:]
signer = SigV4Auth(Credentials(key, secret, token), 'codecommit', region)
request = AWSRequest(method='GIT', url=url)
request.context['timestamp'] = date
text = signer.string_to_sign(request, 'GIT\\n' + path + '\\n\\nhost:' + host + '\\n\\nhost\\n')
print(signer.signature(text, request))
`;

test('CodeCommit is given the signature that botocore makes', async () => {
  const url = new URL('https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/Shop%20Floor');
  const login = await gitLogin({ ...request(), url });
  assert.ok('username' in login);
  assert.equal(login.username, `${own.AWS_ACCESS_KEY_ID}%${own.AWS_SESSION_TOKEN}`);
  const [, date, signature] = /^(\d{8}T\d{6})Z([0-9a-f]{64})$/.exec(login.password) ?? [];
  const keys = [own.AWS_ACCESS_KEY_ID, own.AWS_SECRET_ACCESS_KEY, own.AWS_SESSION_TOKEN];
  const args = [...keys, url.href, 'eu-west-1', url.pathname, url.host, date!];
  const python = await installAwsProgram('moto');
  const expected = execFileSync(python, ['-c', botocore, ...args], { encoding: 'utf8' }).trim();
  assert.equal(signature, expected);
});
