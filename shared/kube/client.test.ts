import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type ApiError, ClusterUnreachable } from '../ports/cluster.ts';
import type { ClusterAccess } from './access.ts';
import { type ConnectOptions, connect } from './client.ts';
import { sweep } from './watch.ts';

/** A server that answers each request by the next handler (the last one repeats), and remembers what it was asked. */
type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;
interface Seen {
  method: string;
  url: string;
  headers: http.IncomingHttpHeaders;
}

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(...handlers: Handler[]) {
  const seen: Seen[] = [];
  const server = http.createServer((request, response) => {
    const handler = handlers[Math.min(seen.length, handlers.length - 1)]!;
    seen.push({ method: request.method!, url: request.url!, headers: request.headers });
    request.resume();
    request.on('end', () => handler(request, response));
  });
  // Only the handlers close connections, however long a test stands still.
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function client(access: ClusterAccess, options: ConnectOptions = {}) {
  const made = connect('test', access, { random: () => 0, ...options });
  closers.push(() => made.close());
  return made;
}

const json =
  (status: number, body: unknown, headers: http.OutgoingHttpHeaders = {}): Handler =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
const failure = (code: number, reason: string, message = '') => ({
  kind: 'Status',
  status: 'Failure',
  code,
  reason,
  message,
});
const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'n' } };
const maps = { apiVersion: 'v1', kind: 'ConfigMap' };

describe('KubeClient', () => {
  it('tries again when the server says so, waiting as long as it says', async () => {
    const server = await serve(
      json(429, failure(429, 'TooManyRequests'), { 'retry-after': '0' }),
      json(503, failure(503, 'ServiceUnavailable'), { 'retry-after': '0' }),
      json(201, map),
    );
    const kube = client({ server: server.url });
    assert.equal((await kube.create(map)).metadata.name, 'a');
    assert.deepEqual([server.seen.length, kube.stats.requests, kube.stats.retries], [3, 1, 2]);
  });

  it('gives up after a few tries, with the server’s words', async () => {
    const server = await serve(json(429, failure(429, 'TooManyRequests', 'slow down'), { 'retry-after': '0' }));
    const kube = client({ server: server.url }, { maxRetries: 2 });
    await assert.rejects(kube.get(maps, 'n', 'a'), (error: ApiError) => {
      assert.deepEqual(
        [error.status, error.reason, error.message, error.retryAfter],
        [429, 'TooManyRequests', 'slow down', 0],
      );
      return true;
    });
    assert.equal(server.seen.length, 3);
  });

  it('repeats a read whose connection broke, but not a create that may have arrived', async () => {
    const broken: Handler = (request, _) => request.socket.destroy();
    const reads = await serve(broken, json(200, map));
    assert.ok(await client({ server: reads.url }).get(maps, 'n', 'a'));
    const creates = await serve(broken, json(201, map));
    await assert.rejects(client({ server: creates.url }).create(map), ClusterUnreachable);
    assert.equal(creates.seen.length, 1);
  });

  it('repeats anything that met an idle connection which the server had closed', async () => {
    const server = await serve(json(200, map), (request, _) => request.socket.destroy(), json(201, map));
    const kube = client({ server: server.url });
    await kube.get(maps, 'n', 'a');
    assert.ok(await kube.create(map));
    assert.equal(server.seen.length, 3);
  });

  it('fetches a new token when the old one is refused, once', async () => {
    const server = await serve(
      json(401, failure(401, 'Unauthorized')),
      json(200, map),
      json(401, failure(401, 'Unauthorized')),
    );
    let fetched = 0;
    let token = '';
    const tokenSource = async (fresh: boolean) => {
      if (fresh || !token) token = `t${++fetched}`;
      return token;
    };
    const kube = client({ server: server.url, tokenSource });
    assert.ok(await kube.get(maps, 'n', 'a'));
    assert.deepEqual(
      server.seen.map(each => each.headers.authorization),
      ['Bearer t1', 'Bearer t2'],
    );
    await assert.rejects(kube.get(maps, 'n', 'a'), (error: ApiError) => error.status === 401);
    assert.equal(fetched, 3);
  });

  it('signs in by password, impersonates, and never mixes the two views up', async () => {
    const server = await serve(json(200, map));
    const kube = client({ server: server.url, username: 'u', password: 'p' });
    await kube.as('system:serviceaccount:n:tenant').get(maps, 'n', 'a');
    await kube.get(maps, 'n', 'a');
    assert.deepEqual(
      server.seen.map(each => [each.headers.authorization, each.headers['impersonate-user']]),
      [
        ['Basic dTpw', 'system:serviceaccount:n:tenant'],
        ['Basic dTpw', undefined],
      ],
    );
  });

  it('says what cannot be reached, and why', async () => {
    // A port that was given back might be another's by now.
    const kube = client({ server: 'http://127.0.0.1:1' }, { maxRetries: 0 });
    await assert.rejects(kube.get(maps, 'n', 'a'), (error: Error) => {
      assert.ok(error instanceof ClusterUnreachable);
      assert.match(
        error.message,
        /^cluster "test" at http:\/\/127.0.0.1:1 cannot be reached: .*ECONNREFUSED.*nothing listens there/,
      );
      return true;
    });
  });

  it('does not wait for ever, for the answer or for the rest of it', async () => {
    const silent = await serve(() => {});
    await assert.rejects(
      client({ server: silent.url }, { timeoutMs: 50 }).get(maps, 'n', 'a'),
      /no answer within 0.05 s/,
    );
    const half = await serve((_, response) => {
      response.writeHead(200);
      response.write('{"kind":');
    });
    const hearing = client({ server: half.url }, { timeoutMs: 50 });
    const told = () => hearing.get(maps, 'n', 'a').then(String, String);
    // Where the machine stands still, the beginning of the answer may be late, too.
    let message = await told();
    for (let more = 100; /no answer within/.test(message) && more > 0; more--) message = await told();
    assert.match(message, /the answer broke off: nothing received for 0.05 s/);
  });

  it('ends requests when the signal is aborted', async () => {
    const server = await serve(() => stop.abort(new Error('enough')));
    const stop = new AbortController();
    await assert.rejects(client({ server: server.url }).withSignal(stop.signal).get(maps, 'n', 'a'), /enough/);
    assert.equal(server.seen.length, 1);
  });

  it('ends the waiting of one reader alone when his signal is aborted, and not the read that others share', async () => {
    const found = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'n', name: 'a' } });
    const answers: (() => void)[] = [];
    const server = await serve((_, response) => {
      answers.push(() => response.end(found));
    });
    const shared = client({ server: server.url });
    const stop = new AbortController();
    const first = shared.withSignal(stop.signal).getShared(maps, 'n', 'a');
    const stopped = assert.rejects(first, /enough/);
    const second = shared.getShared(maps, 'n', 'a');
    while (answers.length === 0) await new Promise(resolve => setImmediate(resolve));
    stop.abort(new Error('enough'));
    await stopped;
    answers.shift()!();
    while (answers.length === 0) await new Promise(resolve => setImmediate(resolve));
    answers.shift()!();
    assert.equal((await second)?.metadata.name, 'a');
    assert.equal(server.seen.length, 2);
  });

  it('keeps to its limit of requests under way', async () => {
    let open = 0;
    let most = 0;
    const server = await serve((_, response) => {
      most = Math.max(most, ++open);
      setImmediate(() => {
        open--;
        response.end(JSON.stringify(map));
      });
    });
    const kube = client({ server: server.url }, { maxInFlight: 3 });
    await Promise.all(Array.from({ length: 30 }, () => kube.get(maps, 'n', 'a')));
    assert.equal(server.seen.length, 30);
    assert.ok(most <= 3 && most > 1, `${most} at a time`);
  });

  it('reads compressed answers, and errors that are no JSON', async () => {
    const packed = gzipSync(JSON.stringify(map));
    const server = await serve(
      (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed),
      (_, response) => response.writeHead(502).end('<html>bad gateway</html>'),
    );
    const kube = client({ server: server.url });
    assert.equal((await kube.get(maps, 'n', 'a'))?.metadata.name, 'a');
    await assert.rejects(
      kube.get(maps, 'n', 'a'),
      (error: ApiError) => error.status === 502 && error.message.includes('bad gateway'),
    );
  });

  it('escapes names, so that none can point elsewhere', async () => {
    const server = await serve(json(404, failure(404, 'NotFound')));
    assert.equal(await client({ server: `${server.url}/prefix/` }).get(maps, 'n/../x', '../secrets/s?a=b'), undefined);
    assert.equal(server.seen[0]?.url, '/prefix/api/v1/namespaces/n%2F..%2Fx/configmaps/..%2Fsecrets%2Fs%3Fa%3Db');
  });
});

describe('discovery', () => {
  const type = { apiVersion: 'example.com/v1', kind: 'Widget' };
  const resource = { resource: 'widgets', responseKind: { kind: 'Widget' }, scope: 'Namespaced' };
  const aggregated = {
    kind: 'APIGroupDiscoveryList',
    items: [
      {
        metadata: { name: 'example.com' },
        versions: [
          { version: 'v2', resources: [resource] },
          { version: 'v1', resources: [resource] },
        ],
      },
    ],
  };

  it('asks once for all kinds it does not know, and not at all for those everyone has', async () => {
    const server = await serve(json(200, aggregated), json(200, { items: [], metadata: {} }));
    const kube = client({ server: server.url });
    await Promise.all([kube.namespaced(type), kube.namespaced(type), kube.namespaced({ ...type, kind: 'Gadget' })]);
    assert.equal(await kube.namespaced({ apiVersion: 'apps/v1', kind: 'Deployment' }), true);
    assert.deepEqual(
      server.seen.map(each => each.url),
      ['/apis'],
    );
    assert.deepEqual(await kube.servedVersions('example.com', 'Widget'), ['v2', 'v1']);
    await kube.list(type, { namespace: 'n' });
    assert.equal(server.seen[1]?.url, '/apis/example.com/v1/namespaces/n/widgets?limit=500');
  });

  it('asks again for an unknown kind, but not in a loop', async () => {
    const server = await serve(json(200, { kind: 'APIGroupDiscoveryList', items: [] }), json(200, aggregated));
    let now = 0;
    const kube = client({ server: server.url }, { now: () => now });
    assert.equal(await kube.namespaced(type), undefined);
    assert.equal(await kube.namespaced(type), undefined);
    assert.equal(server.seen.length, 1);
    now += 11_000;
    assert.equal(await kube.namespaced(type), true);
    assert.equal(server.seen.length, 2);
  });

  it('manages with a server that has no aggregated discovery', async () => {
    const list = {
      kind: 'APIResourceList',
      resources: [
        { name: 'widgets', kind: 'Widget', namespaced: false },
        { name: 'widgets/status', kind: 'Widget', namespaced: false },
      ],
    };
    const server = await serve(json(200, { kind: 'APIGroupList', groups: [] }), json(200, list));
    const kube = client({ server: server.url });
    assert.equal(await kube.namespaced(type), false);
    assert.deepEqual(
      server.seen.map(each => each.url),
      ['/apis', '/apis/example.com/v1'],
    );
  });
});

describe('sweep', () => {
  const event = (kind: string, name: string, resourceVersion: string) =>
    JSON.stringify({ type: kind, object: { ...maps, metadata: { name, namespace: 'n', resourceVersion } } });

  it('lists again when the server has forgotten the cursor, said at once or in the stream', async () => {
    const list = json(200, { items: [{ metadata: { name: 'a' } }], metadata: { resourceVersion: '50' } });
    for (const gone of [
      json(410, failure(410, 'Expired')),
      ((_, response) =>
        response.end(`${JSON.stringify({ type: 'ERROR', object: failure(410, 'Expired') })}\n`)) as Handler,
    ]) {
      const server = await serve(gone, list);
      const result = await sweep(client({ server: server.url }), maps, '3');
      assert.deepEqual([result.relisted, result.cursor, result.events.map(each => each.type)], [true, '50', ['ADDED']]);
    }
  });

  it('moves the cursor by events and bookmarks, and by nothing else', async () => {
    const server = await serve((_, response) => {
      response.write(`${event('ADDED', 'a', '7')}\n${event('DELETED', 'a', '8')}\n${event('BOOKMARK', '', '12')}\n`);
    });
    const result = await sweep(client({ server: server.url }), maps, '3', { quietMs: 30 });
    assert.deepEqual(
      result.events.map(each => each.type),
      ['ADDED', 'DELETED'],
    );
    assert.equal(result.cursor, '12');
    const quiet = await serve((_, response) => response.flushHeaders());
    assert.deepEqual(await sweep(client({ server: quiet.url }), maps, '3', { quietMs: 30 }), {
      events: [],
      cursor: '3',
      relisted: false,
    });
  });

  it('tells a broken stream from a quiet one', async () => {
    const server = await serve((_, response) => {
      response.write(`${event('ADDED', 'a', '7')}\n{"type":"ADD`);
      setImmediate(() => response.destroy());
    });
    await assert.rejects(sweep(client({ server: server.url }), maps, '3'), ClusterUnreachable);
  });
});
