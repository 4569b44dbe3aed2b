import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { SecretsManager } from '../../shared/aws/secrets-manager.ts';
import { type FaultProxy, first, jsonFault, type Seen, startFaultProxy } from './fault-proxy.ts';
import { type AwsServers, credentials, region, startAwsServers } from './servers.ts';

const prefix = `sluice/${randomUUID()}/`;
let servers: AwsServers;
let proxy: FaultProxy;
let operator: SecretsManagerClient;
let now = 0;

before(async () => {
  servers = await startAwsServers();
  Object.assign(process.env, servers.env);
  proxy = await startFaultProxy(servers.secrets);
  operator = new SecretsManagerClient({ endpoint: servers.secrets, region, credentials });
});
afterEach(() => {
  proxy.fault = () => undefined;
  proxy.seen.length = 0;
});
after(async () => {
  operator.destroy();
  await proxy.close();
  await servers.close();
});

function open(more: { cacheSeconds?: number } = {}): SecretsManager {
  return new SecretsManager({ prefix, endpoint: proxy.url, region, clock: { now: () => now }, ...more });
}

const is = (operation: string) => (asked: Seen) => asked.operation === operation;
const asked = () => proxy.seen.map(({ operation }) => operation);

describe('memory', () => {
  test('a secret is asked for once a minute, and by all who want it at once together', async () => {
    const [secrets, other] = [open(), open()];
    await secrets.put('m', 'one');
    proxy.seen.length = 0;
    const values = await Promise.all(Array.from({ length: 20 }, () => other.get('m')));
    assert.deepEqual([...new Set(values)], ['one']);
    assert.equal(await secrets.get('m'), 'one', 'the writer knows it');
    assert.deepEqual(asked(), ['GetSecretValue']);
    await secrets.put('m', 'two');
    now += 59_999;
    assert.equal(await other.get('m'), 'one');
    now += 1;
    assert.equal(await other.get('m'), 'two');
    assert.deepEqual(asked(), ['GetSecretValue', 'PutSecretValue', 'GetSecretValue']);
  });

  test('that there is none is never remembered, nor is a failure', async () => {
    const secrets = open();
    assert.equal(await secrets.get('late'), undefined);
    await open().put('late', 'there');
    proxy.fault = first(1, jsonFault(400, 'AccessDeniedException'), is('GetSecretValue'));
    await assert.rejects(secrets.get('late'), {
      code: 'AccessDenied',
      message: new RegExp(`read the secret ${prefix}late`),
    });
    assert.equal(await secrets.get('late'), 'there');
  });

  test('what was written while it was read is not forgotten for what was read', async () => {
    const secrets = open();
    await open().put('both', 'old');
    const reading = secrets.get('both');
    await secrets.put('both', 'new');
    await reading;
    assert.equal(await secrets.get('both'), 'new');
    const [, gone] = await Promise.all([secrets.delete('both'), open().get('both')]);
    assert.ok(gone === 'new' || gone === undefined);
    assert.equal(await secrets.get('both'), undefined);
  });
});

describe('deleted secrets', () => {
  /** As someone does in the console: the name is taken for another seven days. */
  async function scheduledForDeletion(name: string): Promise<void> {
    await operator.send(new CreateSecretCommand({ Name: prefix + name, SecretString: 'deleted' }));
    await operator.send(new DeleteSecretCommand({ SecretId: prefix + name, RecoveryWindowInDays: 7 }));
  }
  const stored = async (name: string) =>
    (await operator.send(new GetSecretValueCommand({ SecretId: prefix + name }))).SecretString;

  test('one within its recovery window is none', async () => {
    await scheduledForDeletion('r/get');
    assert.equal(await open().get('r/get'), undefined);
    await open().delete('r/get');
    assert.equal(await open().get('r/get'), undefined);
  });

  test('its name can be used again', async () => {
    await scheduledForDeletion('r/put');
    // Moto writes into a deleted secret and leaves it deleted, and says of its name that it is taken; Secrets Manager says this.
    proxy.fault = first(1, jsonFault(400, 'InvalidRequestException'), is('PutSecretValue'));
    await open().put('r/put', 'again');
    assert.equal(await stored('r/put'), 'again');
    await scheduledForDeletion('r/create');
    proxy.fault = first(1, jsonFault(400, 'InvalidRequestException'), is('CreateSecret'));
    assert.equal(await open().create('r/create', 'again'), true);
    assert.equal(await stored('r/create'), 'again');
    assert.equal(await open().create('r/create', 'third'), false);
  });

  test('a name that is just being deleted is waited for', async () => {
    // Secrets Manager deletes at its leisure; until then it says this, and knows no such secret.
    proxy.fault = first(3, jsonFault(400, 'InvalidRequestException'), is('CreateSecret'));
    assert.equal(await open().create('w', 'one'), true);
    assert.equal(asked().filter(operation => operation === 'CreateSecret').length, 4);
    assert.equal(await stored('w'), 'one');
  });

  test('other reasons for the same refusal are no absence', async () => {
    await open().put('managed', 'x');
    proxy.fault = first(100, jsonFault(400, 'InvalidRequestException'), is('GetSecretValue'));
    await assert.rejects(open().get('managed'), { name: 'AwsError' });
    proxy.fault = first(100, jsonFault(400, 'InvalidRequestException'), is('DeleteSecret'));
    await assert.rejects(open().delete('managed'), { name: 'AwsError' });
    assert.equal(await stored('managed'), 'x');
  });
});

describe('refusals', () => {
  test('a value that Secrets Manager does not take is refused before it is sent, and not told', async () => {
    const secrets = open();
    const largest = 'é'.repeat(32_768);
    await secrets.put('size', largest);
    assert.equal(await open().get('size'), largest);
    for (const write of [secrets.put, secrets.create].map(each => each.bind(secrets))) {
      await assert.rejects(write('size', `${largest}s3cr3t`), (error: Error & { code: string }) => {
        assert.equal(error.code, 'SecretTooLong');
        assert.match(error.message, /65542 bytes, Secrets Manager takes 65536; .*--minify/);
        return !error.message.includes('s3cr3t');
      });
      await assert.rejects(write('size', ''), { code: 'SecretEmpty' });
    }
    assert.equal(await secrets.get('size'), largest);
    await assert.rejects(secrets.get('n'.repeat(600)), { code: 'InvalidSecretName' });
    await assert.rejects(secrets.get('\uD800'), { code: 'InvalidSecretName' });
  });

  test('expired credentials and throttling have codes', async () => {
    const acts = [
      () => open().get('k'),
      () => open().put('k', 'v'),
      () => open().create('k', 'v'),
      () => open().delete('k'),
    ];
    for (const act of acts) {
      proxy.fault = first(100, jsonFault(400, 'ExpiredTokenException'));
      await assert.rejects(act(), { code: 'CredentialsRefused', message: new RegExp(`the secret ${prefix}k: `) });
      proxy.fault = first(100, jsonFault(400, 'ThrottlingException'));
      await assert.rejects(act(), { code: 'Throttled' });
    }
    proxy.seen.length = 0;
    proxy.fault = first(2, jsonFault(400, 'ThrottlingException'));
    await open().put('k', 'v');
    assert.deepEqual(asked(), ['PutSecretValue', 'PutSecretValue', 'PutSecretValue', 'CreateSecret']);
  });

  test('one whose answer was lost is asked again in the same words', async () => {
    proxy.fault = first(1, 'lost', is('PutSecretValue'));
    await open().put('k', 'once more');
    const tokens = proxy.seen.map(({ body }) => JSON.parse(body.toString()).ClientRequestToken);
    assert.equal(tokens.length, 2);
    assert.equal(tokens[0], tokens[1]);
    assert.ok(tokens[0]);
    assert.equal(await open().get('k'), 'once more');
  });
});
