import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { after, afterEach, before, describe, test } from 'node:test';
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { S3Store } from '../../shared/aws/s3-store.ts';
import { type FaultProxy, first, type Seen, s3Fault, startFaultProxy } from './fault-proxy.ts';
import { createBucket } from './installation.ts';
import { type AwsServers, credentials, region, startAwsServers } from './servers.ts';

const bucket = `faults-${randomUUID()}`;
/** Three parts. */
const large = randomBytes(20_000_000);
const small = Buffer.from('small');
let servers: AwsServers;
let proxy: FaultProxy;
let store: S3Store;

before(async () => {
  servers = await startAwsServers();
  Object.assign(process.env, servers.env);
  await createBucket(servers, bucket);
  proxy = await startFaultProxy(servers.s3);
  store = new S3Store({ bucket, endpoint: proxy.url, region, pathStyle: true });
});
afterEach(() => {
  proxy.fault = () => undefined;
  proxy.seen.length = 0;
});
after(async () => {
  await proxy.close();
  await servers.close();
});

async function read(key: string): Promise<Buffer | undefined> {
  const object = await store.get(key);
  return object && (await buffer(object.body));
}

/** Uploads in parts that were begun and not ended: they cost money. */
async function uploadsLeft(): Promise<number> {
  const client = new S3Client({ endpoint: servers.s3, region, credentials, forcePathStyle: true });
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  client.destroy();
  return Uploads.length;
}

const isPut = ({ method, url }: Seen) => method === 'PUT' && !url.includes('uploadId');
const isPart = ({ method, url }: Seen) => method === 'PUT' && url.includes('partNumber=2');
const isComplete = ({ method, url }: Seen) => method === 'POST' && url.includes('uploadId');

describe('creates', () => {
  test('another writer of the same object (409) is waited for', async () => {
    for (const [key, body, when] of [
      ['c/small', small, isPut],
      ['c/large', large, isComplete],
    ] as const) {
      proxy.fault = first(2, s3Fault(409, 'ConditionalRequestConflict'), when);
      assert.equal(await store.put(key, body, { ifAbsent: true }), 'created');
      assert.ok(body.equals((await read(key))!));
      assert.equal(proxy.seen.filter(when).length, 3);
    }
    assert.equal(await uploadsLeft(), 0);
  });

  test('one that never gets its turn fails', async () => {
    proxy.fault = first(100, s3Fault(409, 'ConditionalRequestConflict'), isPut);
    await assert.rejects(store.put('c/never', small, { ifAbsent: true }), { name: 'AwsError', message: /c\/never/ });
    assert.equal(await store.head('c/never'), undefined);
  });

  test('one whose answer was lost knows its own object', async () => {
    for (const [key, body, when] of [
      ['l/small', small, isPut],
      ['l/large', large, isComplete],
    ] as const) {
      proxy.fault = first(1, 'lost', when);
      assert.equal(await store.put(key, body, { ifAbsent: true }), 'created');
      assert.equal(proxy.seen.filter(when).length, 2, 'it was tried again');
      assert.ok(body.equals((await read(key))!));
    }
    assert.equal(await uploadsLeft(), 0);
  });

  test('one whose request was lost knows that of another', async () => {
    proxy.fault = asked => {
      if (proxy.seen.filter(isPut).length > 1 || !isPut(asked)) return undefined;
      return s3Fault(503, 'ServiceUnavailable');
    };
    const other = new S3Store({ bucket, endpoint: servers.s3, region, pathStyle: true });
    await other.put('o', Buffer.from('other'), { ifAbsent: true });
    assert.equal(await store.put('o', small, { ifAbsent: true }), 'exists');
    assert.equal((await read('o'))?.toString(), 'other');
  });

  test('of racing large ones one wins, and what is there is not sent again', async () => {
    const bodies = [large, randomBytes(20_000_000), randomBytes(9_000_000)];
    const done = await Promise.all(bodies.map(body => store.put('race', body, { ifAbsent: true })));
    assert.deepEqual(done.toSorted(), ['created', 'exists', 'exists']);
    assert.ok(bodies[done.indexOf('created')]!.equals((await read('race'))!));
    proxy.seen.length = 0;
    assert.equal(await store.put('race', large, { ifAbsent: true }), 'exists');
    assert.deepEqual(
      proxy.seen.map(({ method }) => method),
      ['HEAD'],
    );
    assert.equal(await uploadsLeft(), 0);
  });
});

describe('uploads', () => {
  test('what is damaged on its way is no object', async () => {
    for (const [key, body, when] of [
      ['d/small', small, isPut],
      ['d/large', large, isPart],
    ] as const) {
      proxy.fault = first(100, 'damaged', when);
      await assert.rejects(store.put(key, body), { name: 'AwsError', message: new RegExp(`${key}.*`) });
      proxy.fault = () => undefined;
      assert.equal(await store.head(key), undefined);
    }
    assert.equal(await uploadsLeft(), 0);
  });

  test('503 is asked again, and when it lasts it is said', async () => {
    proxy.fault = first(2, s3Fault(503, 'SlowDown'), isPut);
    assert.equal(await store.put('s', small), 'created');
    assert.equal(proxy.seen.length, 3);
    proxy.fault = first(100, s3Fault(503, 'SlowDown'));
    await assert.rejects(store.put('s', small), {
      code: 'Throttled',
      message: /write the object s of the bucket faults-/,
    });
  });

  test('a part that fails ends the upload', async () => {
    proxy.fault = first(100, s3Fault(403, 'AccessDenied'), isPart);
    await assert.rejects(store.put('p', large), { code: 'AccessDenied' });
    assert.equal(await store.head('p'), undefined);
    assert.equal(await uploadsLeft(), 0);
  });
});

describe('downloads', () => {
  test('one that is cut or stalls is an error, never a shorter object', async () => {
    await store.put('whole', large);
    const hasty = new S3Store({ bucket, endpoint: proxy.url, region, pathStyle: true, stallMs: 1_000 });
    for (const fault of [{ cutAfter: 1_000_000 }, { stallAfter: 1_000_000 }, { cutAfter: large.length - 1 }]) {
      proxy.fault = first(1, fault);
      const object = (await hasty.get('whole'))!;
      await assert.rejects(buffer(object.body), {
        code: 'Unreachable',
        message: /read the object whole of the bucket faults-/,
      });
    }
    assert.ok(large.equals((await read('whole'))!));
  });

  test('a failure before anybody reads is told to who reads later', async () => {
    await store.put('later', small);
    proxy.fault = first(1, { cutAfter: 1 });
    const object = (await store.get('later'))!;
    while (!object.body.destroyed) await new Promise(resolve => setImmediate(resolve));
    await assert.rejects(buffer(object.body), { code: 'Unreachable' });
  });
});

describe('deletes', () => {
  const failedKey = (key: string, code: string) => ({
    answer: 200,
    type: 'application/xml',
    body: `<DeleteResult><Error><Key>${key}</Key><Code>${code}</Code><Message>m</Message></Error></DeleteResult>`,
  });
  const isDelete = ({ url }: Seen) => url.includes('?delete');

  test('keys that S3 could not delete just now are tried again', async () => {
    await store.put('x/1', small);
    proxy.fault = first(2, failedKey('x/1', 'InternalError'), isDelete);
    await store.delete(['x/1']);
    assert.equal(await store.head('x/1'), undefined);
    assert.equal(proxy.seen.filter(isDelete).length, 3);
  });

  test('others are an error that names one', async () => {
    proxy.fault = first(1, failedKey('x/2', 'AccessDenied'), isDelete);
    await assert.rejects(store.delete(['x/1', 'x/2']), {
      code: 'AccessDenied',
      message: /delete the object x\/2 of the bucket/,
    });
    assert.equal(proxy.seen.filter(isDelete).length, 1);
  });
});

describe('refusals', () => {
  const restored = { ...process.env };
  afterEach(() => {
    Object.assign(process.env, {
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    });
    if (restored.AWS_SESSION_TOKEN === undefined) delete process.env.AWS_SESSION_TOKEN;
  });
  const fresh = (name = bucket) => new S3Store({ bucket: name, endpoint: proxy.url, region, pathStyle: true });
  const everything: [string, (store: S3Store) => Promise<unknown>][] = [
    ['write', store => store.put('k', small)],
    ['read', store => store.get('k')],
    ['list', store => store.list('k')[Symbol.asyncIterator]().next()],
    ['delete', store => store.delete(['k'])],
  ];

  test('credentials that are wrong, unknown, expired or missing', async () => {
    for (const [what, act] of everything) {
      process.env.AWS_SECRET_ACCESS_KEY = 'wrong';
      await assert.rejects(act(fresh()), { code: 'CredentialsRefused', message: new RegExp(what) }, what);
      proxy.fault = first(100, s3Fault(403, 'InvalidAccessKeyId'));
      await assert.rejects(act(fresh()), { code: 'CredentialsRefused' }, what);
      proxy.fault = first(100, s3Fault(400, 'ExpiredToken'));
      await assert.rejects(act(fresh()), { code: 'CredentialsRefused', message: /renew them/ }, what);
      delete process.env.AWS_ACCESS_KEY_ID;
      await assert.rejects(act(fresh()), { code: 'CredentialsMissing', message: /AWS_PROFILE/ }, what);
      Object.assign(process.env, servers.env);
      proxy.fault = () => undefined;
    }
    process.env.AWS_SECRET_ACCESS_KEY = 'wrong';
    await assert.rejects(fresh().head('k'), { code: 'AccessDenied', message: /look at the object k .*s3:ListBucket/ });
  });

  test('a bucket that is not there is no absent object', async () => {
    for (const [what, act] of everything)
      await assert.rejects(act(fresh('absent-bucket')), { name: 'AwsError', message: /there is no such bucket/ }, what);
  });

  test('an access that is denied says what S3 means by it', async () => {
    proxy.fault = first(100, s3Fault(403, 'AccessDenied'));
    for (const [what, act] of everything)
      await assert.rejects(act(fresh()), { code: 'AccessDenied', message: /s3:ListBucket/ }, what);
  });

  test('nothing that answers', async () => {
    const nowhere = new S3Store({ bucket, endpoint: 'http://127.0.0.1:9', region, pathStyle: true });
    await assert.rejects(nowhere.head('k'), { code: 'Unreachable' });
  });
});
