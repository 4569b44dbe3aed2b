import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { ClusterUnreachable } from '../ports/cluster.ts';
import type { EksAccess } from '../ports/index.ts';
import { messageOfError } from '../reconcile/errors.ts';
import { eksAccess, keptToken } from './eks-access.ts';
import type { EksToken } from './eks-token.ts';
import { awsEnvironment } from './testing/environment.ts';
import { account, LoopbackAws } from './testing/loopback-aws.ts';
import { checkToken, type Keys } from './testing/token-check.ts';

const minute = 60_000;

describe('a kept token', () => {
  /** Signs numbered tokens, as long as `sign` does not say otherwise. */
  function kept(lifetimeMs = 15 * minute) {
    const clock = { time: 1_000_000_000, now: () => clock.time };
    const signed: boolean[] = [];
    const world = { failing: false, lifetimeMs };
    const get = keptToken(async (fresh): Promise<EksToken> => {
      if (world.failing) throw new Error('no credentials');
      signed.push(fresh);
      return { text: `token ${signed.length}`, expiresAt: clock.time + world.lifetimeMs };
    }, clock);
    return { clock, signed, world, get: async (fresh = false) => (await get(fresh)).text };
  }

  it('is used until five minutes before its end', async () => {
    const { clock, get } = kept();
    assert.equal(await get(), 'token 1');
    clock.time += 10 * minute - 1;
    assert.equal(await get(), 'token 1');
    clock.time += 1;
    assert.equal(await get(), 'token 2');
  });

  it('is signed once for all who need it', async () => {
    const { signed, get } = kept();
    assert.deepEqual(await Promise.all([get(), get(true), get()]), ['token 1', 'token 1', 'token 1']);
    assert.deepEqual(signed, [false]);
  });

  it('is signed anew after the clock was set back', async () => {
    const { clock, get } = kept();
    await get();
    clock.time -= 1;
    assert.equal(await get(), 'token 2');
  });

  it('is signed anew when it was refused, once in fifteen seconds', async () => {
    const { clock, signed, get } = kept();
    await get();
    clock.time += 14_999;
    assert.equal(await get(true), 'token 1');
    clock.time += 1;
    assert.equal(await get(true), 'token 2');
    assert.equal(await get(true), 'token 2');
    assert.deepEqual(signed, [false, true]);
  });

  it('serves on when it cannot be replaced, to a minute before its end', async () => {
    const { clock, world, get } = kept();
    await get();
    world.failing = true;
    clock.time += 14 * minute - 1;
    assert.equal(await get(), 'token 1');
    await assert.rejects(get(true), /no credentials/, 'but not when it was refused');
    clock.time += 1;
    await assert.rejects(get(), /no credentials/);
    world.failing = false;
    assert.equal(await get(), 'token 2');
  });

  it('that cannot be replaced is tried again after a while, not with each request', async () => {
    const { clock, world, get } = kept();
    await get();
    world.failing = true;
    clock.time += 11 * minute;
    await get();
    world.failing = false;
    assert.equal(await get(), 'token 1');
    clock.time += 15_000;
    assert.equal(await get(), 'token 2');
  });

  it('of credentials that end soon serves for half of what is left', async () => {
    const { clock, get } = kept(4 * minute);
    await get();
    clock.time += 2 * minute - 1;
    assert.equal(await get(), 'token 1');
    clock.time += 1;
    assert.equal(await get(), 'token 2');
  });
});

describe('access to a cluster in EKS', () => {
  let aws: LoopbackAws;
  let restore = () => {};
  const clock = { time: 0, now: () => clock.time };
  const keys: Keys = { accessKeyId: 'AKIAONE', secretAccessKey: 'secret/one+' };
  const role = `arn:aws:iam::${account}:role/apps/sluice`;
  const userArn = `arn:aws:iam::${account}:user/someone`;
  const access: EksAccess = {
    type: 'eks',
    region: 'eu-west-1',
    clusterName: 'main',
    server: 'https://127.0.0.1:1',
    ca: '',
  };
  before(async () => {
    aws = await LoopbackAws.start();
  });
  after(() => aws.close());
  beforeEach(() => {
    aws.reset();
    aws.know(userArn, keys);
    clock.time = Date.now();
  });
  afterEach(() => restore());

  function opened(more: Partial<EksAccess> = {}, env: Record<string, string | undefined> = {}) {
    restore = awsEnvironment(process.env, aws.url, keys, { AWS_MAX_ATTEMPTS: '1', ...env });
    const { credentials } = eksAccess('prod', { ...access, ...more }, clock);
    return async (fresh = false) => (await credentials!(fresh)).authorization!.replace('Bearer ', '');
  }

  /** Whose token it is, for a server whose clock is AWS's. */
  function signer(token: string): string {
    const rules = { clusterName: 'main', region: 'eu-west-1', host: 'sts.eu-west-1.amazonaws.com' };
    const keysOf = (id: string) => aws.keysOf(id);
    return checkToken(token, { ...rules, now: clock.time + aws.clockAheadMs, keysOf }).accessKeyId;
  }

  it('needs no request to AWS', async () => {
    const token = opened();
    assert.equal(signer(await token()), keys.accessKeyId);
    assert.deepEqual(aws.asked, []);
  });

  it('assumes the role, and again before its session ends', async () => {
    aws.roles.set(role, [userArn]);
    aws.sessionMs = 3600_000;
    const token = opened({ roleArn: role });
    const first = await token();
    assert.match(signer(first), /^ASIASESSION/);
    assert.deepEqual(
      aws.asked.map(({ operation, parameters }) => [operation, parameters.RoleArn]),
      [['AssumeRole', role]],
    );
    clock.time += 10 * minute;
    assert.notEqual(await token(), first, 'a new token');
    assert.deepEqual(aws.operations(), ['AssumeRole'], 'of the same session');
    aws.reset();
    aws.know(userArn, keys);
    aws.roles.set(role, [userArn]);
    aws.sessionMs = 4 * minute;
    const short = opened({ roleArn: role });
    const last = signer(await short());
    clock.time += 3 * minute;
    assert.notEqual(signer(await short()), last, 'a new session');
  });

  it('fetches other credentials when a token is refused', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-aws-'));
    try {
      const file = join(dir, 'credentials');
      const write = ({ accessKeyId, secretAccessKey }: Keys) =>
        writeFileSync(file, `[default]\naws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\n`);
      write(keys);
      const fromFile = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
      const token = opened({}, { ...fromFile, AWS_SHARED_CREDENTIALS_FILE: file });
      assert.equal(signer(await token()), 'AKIAONE');
      const other = { accessKeyId: 'AKIATWO', secretAccessKey: 'secret/two' };
      write(other);
      aws.know(userArn, other);
      aws.forget(keys);
      clock.time += 20_000;
      assert.equal(signer(await token(true)), 'AKIATWO');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('says that the credentials are refused, when AWS refuses them, too', async () => {
    const token = opened();
    const first = await token();
    aws.forget(keys);
    clock.time += 20_000;
    await assert.rejects(token(true), error => {
      assert.ok(error instanceof ClusterUnreachable, 'the work waits');
      assert.match(
        messageOfError(error),
        /^cluster "prod" cannot be signed in to: AWS refuses the credentials to .*renew/,
      );
      assert.ok(!messageOfError(error).includes(first));
      return true;
    });
    aws.know(userArn, keys);
    assert.equal(signer(await token(true)), keys.accessKeyId, 'the next one is asked for anew');
  });

  it('learns how far the clock is off when a token is refused', async () => {
    aws.clockAheadMs = 3600_000;
    const token = opened();
    const late = await token();
    assert.throws(() => signer(late), /run out/);
    clock.time += 20_000;
    assert.equal(signer(await token(true)), keys.accessKeyId);
    clock.time += 10 * minute;
    assert.equal(signer(await token()), keys.accessKeyId, 'and knows it from then on');
  });

  it('signs in where STS cannot be reached', async () => {
    const token = opened({}, { AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:1' });
    await token();
    clock.time += 20_000;
    assert.equal(signer(await token(true)), keys.accessKeyId);
  });

  it('says why a role cannot be assumed', async () => {
    aws.roles.set(role, []);
    const token = opened({ roleArn: role });
    await assert.rejects(token(), error => {
      assert.match(
        messageOfError(error),
        /^cluster "prod" cannot be signed in to: these AWS credentials may not assume the role .*trust policy/,
      );
      return error instanceof ClusterUnreachable;
    });
    aws.roles.set(role, [userArn]);
    assert.match(signer(await token()), /^ASIASESSION/);
  });
});
