import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { signEksToken } from './eks-token.ts';
import { openSts } from './sts.ts';
import { awsEnvironment } from './testing/environment.ts';
import { checkToken, type Keys } from './testing/token-check.ts';

let restore = () => {};
afterEach(() => restore());

/** Signs as someone with these keys would; nobody listens where STS is said to be. */
async function signed(keys: Keys, clusterName: string, region: string, now = Date.now()) {
  restore = awsEnvironment(process.env, 'http://127.0.0.1:1', keys);
  return signEksToken(await openSts({ region }), clusterName, now);
}

const user: Keys = { accessKeyId: 'AKIAUSER', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCY==' };
const session: Keys = { ...user, accessKeyId: 'ASIASESSION', sessionToken: "IQoJb3//+/==!'()*~ %&?#é" };
const long: Keys = { ...session, sessionToken: 'Abcd12/+'.repeat(150) };

describe('a token', () => {
  const cases: [string, Keys, string, string, string][] = [
    ['of a user', user, 'main', 'eu-west-1', 'sts.eu-west-1.amazonaws.com'],
    ['of a session, with characters to encode', session, 'main', 'eu-west-1', 'sts.eu-west-1.amazonaws.com'],
    ['of a session with a long token', long, 'main', 'eu-west-1', 'sts.eu-west-1.amazonaws.com'],
    ['for a name with every kind of character', user, 'A_b-9', 'eu-west-1', 'sts.eu-west-1.amazonaws.com'],
    ['in the region that had the global endpoint', user, 'main', 'us-east-1', 'sts.us-east-1.amazonaws.com'],
    ['in China', user, 'main', 'cn-north-1', 'sts.cn-north-1.amazonaws.com.cn'],
    ['in GovCloud', user, 'main', 'us-gov-west-1', 'sts.us-gov-west-1.amazonaws.com'],
    ['in a region newer than the SDK', user, 'main', 'eu-north-9', 'sts.eu-north-9.amazonaws.com'],
  ];
  for (const [title, keys, clusterName, region, host] of cases)
    it(`${title} is accepted`, async () => {
      const now = Date.now();
      const { text, expiresAt } = await signed(keys, clusterName, region, now);
      const rules = { clusterName, region, host, keysOf: (id: string) => (id === keys.accessKeyId ? keys : undefined) };
      assert.equal(checkToken(text, { ...rules, now }), keys);
      assert.equal(expiresAt, now + 15 * 60_000);
      assert.doesNotThrow(() => checkToken(text, { ...rules, now: expiresAt - 1000 }), 'good to its end');
      assert.throws(() => checkToken(text, { ...rules, now: expiresAt + 1000 }), /run out/);
    });

  it('is of no use to another cluster, and not to be changed', async () => {
    const { text } = await signed(session, 'main', 'eu-west-1');
    const rules = { region: 'eu-west-1', host: 'sts.eu-west-1.amazonaws.com', now: Date.now() };
    const check = (token: string, clusterName: string, keys: Keys) =>
      checkToken(token, { ...rules, clusterName, keysOf: () => keys });
    assert.throws(() => check(text, 'other', session), /signature/);
    assert.throws(() => check(text, 'main', { ...session, secretAccessKey: 'other' }), /signature/);
    const url = Buffer.from(text.slice('k8s-aws-v1.'.length), 'base64url').toString();
    const changed = url.replace('X-Amz-Expires=60', 'X-Amz-Expires=61');
    assert.notEqual(changed, url);
    assert.throws(
      () => check(`k8s-aws-v1.${Buffer.from(changed).toString('base64url')}`, 'main', session),
      /signature/,
    );
  });

  it('names AWS, whatever endpoint this machine uses', async () => {
    restore = awsEnvironment(process.env, 'http://127.0.0.1:1', user, {
      AWS_USE_FIPS_ENDPOINT: 'true',
      AWS_USE_DUALSTACK_ENDPOINT: 'true',
    });
    const { text } = await signEksToken(await openSts({ region: 'us-west-2' }), 'main', Date.now());
    const url = new URL(Buffer.from(text.slice('k8s-aws-v1.'.length), 'base64url').toString());
    assert.equal(url.origin, 'https://sts.us-west-2.amazonaws.com');
  });

  it('is not signed without credentials, and it is said what to do', async () => {
    restore = awsEnvironment(process.env, 'http://127.0.0.1:1');
    const sts = await openSts({ region: 'eu-west-1' });
    await assert.rejects(signEksToken(sts, 'main', Date.now()), {
      code: 'CredentialsMissing',
      message: /^there are no AWS credentials to sign in to the cluster main \(.+\); set AWS_PROFILE .*aws sso login/,
    });
  });
});
