import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { selfSigned } from '../../test/scenario/certificate.ts';
import { NetworkError } from './errors.ts';
import { HttpClient } from './http.ts';

const { key, cert } = await selfSigned();
const open: (http.Server | https.Server)[] = [];
after(() => {
  for (const server of open) {
    server.close();
    server.closeAllConnections();
  }
});

interface Seen {
  headers: http.IncomingHttpHeaders;
  url: string;
  /** Whether the client showed a certificate. */
  certified: boolean;
  socket: Socket;
}

interface TestServer {
  url: string;
  seen: Seen[];
}

async function serve(listener: http.RequestListener, secure = false): Promise<TestServer> {
  const seen: Seen[] = [];
  const noted: http.RequestListener = (request, response) => {
    const certified = secure && Boolean((request.socket as TLSSocket).getPeerCertificate()?.raw);
    seen.push({ headers: request.headers, url: request.url ?? '', certified, socket: request.socket });
    listener(request, response);
  };
  const server = secure
    ? https.createServer({ key, cert, requestCert: true, rejectUnauthorized: false }, noted)
    : http.createServer(noted);
  // Only the tests close connections, however long one stands still.
  server.keepAliveTimeout = 60_000;
  open.push(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const scheme = secure ? 'https' : 'http';
  return { url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** Waits until the server sees the connection's end, however it ends. */
const closed = (socket: Socket) =>
  new Promise<void>(resolve => (socket.closed ? resolve() : socket.once('close', () => resolve())));

const redirectTo = (location: () => string) =>
  serve((_, response) => response.writeHead(302, { location: location() }).end());
const credentials = { authorization: 'Basic c2VjcmV0', cookie: 'a=b', accept: 'x/y' };

describe('redirects', () => {
  test('are followed, and leave credentials behind when the host changes', async () => {
    const target = await serve((_, response) => response.end('here'));
    const far = await redirectTo(() => `${target.url}/to`);
    const client = new HttpClient();
    const answer = await client.read({ url: `${far.url}/from`, headers: credentials });
    assert.equal(answer.body.toString(), 'here');
    assert.equal(answer.url.href, `${target.url}/to`);
    assert.equal(far.seen[0]?.headers.authorization, credentials.authorization);
    const [seen] = target.seen;
    assert.deepEqual(
      [seen?.headers.authorization, seen?.headers.cookie, seen?.headers.accept],
      [undefined, undefined, 'x/y'],
    );
    client.close();
  });

  test('stay signed in at the same host, and do not pass on credentials of an address', async () => {
    let hop = 0;
    const server = await serve((_, response) => {
      if (hop++ > 0) response.end('here');
      else response.writeHead(307, { location: '/next#part' }).end();
    });
    await new HttpClient().read({ url: server.url, headers: credentials });
    assert.equal(server.seen[1]?.headers.authorization, credentials.authorization);
    const tempting = await redirectTo(() => server.url.replace('//', '//user:hunter2@'));
    const answer = await new HttpClient().read({ url: tempting.url });
    assert.equal(server.seen.at(-1)?.headers.authorization, undefined);
    assert.ok(!answer.url.href.includes('hunter2'));
  });

  test('leave the client certificate behind, too, and keep the authority', async () => {
    const target = await serve((_, response) => response.end('here'), true);
    const from = await serve((_, response) => response.writeHead(302, { location: target.url }).end(), true);
    const client = new HttpClient({ tls: { ca: cert, clientCert: cert, clientKey: key } });
    assert.equal((await client.read({ url: from.url })).body.toString(), 'here');
    assert.equal(from.seen[0]?.certified, true);
    assert.equal(target.seen[0]?.certified, false);
    await client.read({ url: target.url });
    assert.equal(target.seen[1]?.certified, true);
    await client.read({ url: target.url, stranger: true });
    assert.equal(target.seen[2]?.certified, false);
    client.close();
  });

  test('out of https, in a circle, or to what is no address are refused', async () => {
    const plain = await serve((_, response) => response.end('here'));
    const secure = await serve((_, response) => response.writeHead(302, { location: plain.url }).end(), true);
    const circle = await redirectTo(() => '/again');
    const client = new HttpClient({ tls: { ca: cert } });
    const cases: [string, RegExp][] = [
      [secure.url, /from https to plain http/],
      [circle.url, /more than 5 times/],
      [(await redirectTo(() => 'file:///etc/passwd')).url, /no address of http or https/],
      [(await redirectTo(() => 'http://')).url, /no address of http or https/],
    ];
    for (const [url, message] of cases)
      await assert.rejects(client.send({ url }), { code: 'RedirectRefused', message });
    assert.equal(plain.seen.length, 0);
    const metadata = await redirectTo(() => 'http://169.254.169.254/latest/meta-data');
    await assert.rejects(client.send({ url: metadata.url }), { code: 'AddressRefused' });
    client.close();
  });

  test('are answers for who wants none, and for what changes something', async () => {
    const server = await redirectTo(() => '/next');
    const client = new HttpClient();
    for (const request of [{ redirects: 0 }, { method: 'POST', body: 'x' }, { method: 'PUT', body: 'x' }] as const) {
      const answer = await client.read({ url: server.url, ...request });
      assert.equal(answer.status, 302);
    }
    assert.equal(server.seen.length, 3);
  });
});

describe('a body', () => {
  test('may not be larger than is allowed', async () => {
    const server = await serve((_, response) => response.end(Buffer.alloc(1000)));
    const client = new HttpClient();
    assert.equal((await client.read({ url: server.url }, 1000)).body.length, 1000);
    await assert.rejects(client.read({ url: server.url }, 999), { code: 'TooLarge', message: /more than 999 bytes/ });
  });

  test('that never ends is left when it is too large', async () => {
    const server = await serve((_, response) => void response.write(Buffer.alloc(2000)));
    await assert.rejects(new HttpClient().read({ url: server.url }, 1000), { code: 'TooLarge' });
    await closed(server.seen[0]!.socket);
  });

  test('that breaks off is an error, with and without a length', async () => {
    const cut = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('x', () => response.destroy());
    });
    const chunked = await serve((_, response) => void response.write('x', () => response.destroy()));
    for (const { url } of [cut, chunked])
      await assert.rejects(new HttpClient().read({ url }), { name: 'NetworkError', code: 'Unreachable' });
  });

  test('that nobody reads to its end frees its connection', async () => {
    const server = await serve((_, response) => void response.write(Buffer.alloc(100_000)));
    const answer = await new HttpClient().send({ url: server.url });
    answer.body.destroy();
    await closed(server.seen[0]!.socket);
  });

  test('ends with the signal, whose own reason is what is thrown', async () => {
    const server = await serve((_, response) => void response.write('x'));
    const deadline = new NetworkError('Timeout', 'too long');
    for (const [reason, code] of [
      [deadline, 'Timeout'],
      [undefined, 'Canceled'],
    ] as const) {
      const controller = new AbortController();
      const { body } = await new HttpClient({ signal: controller.signal }).send({ url: server.url });
      body.resume();
      controller.abort(reason);
      const [error] = await once(body, 'error').catch(error => [error]);
      assert.equal(error.code, code);
    }
    const signal = AbortSignal.abort(deadline);
    await assert.rejects(new HttpClient({ signal }).send({ url: server.url }), deadline);
  });
});

describe('a connection', () => {
  test('is used again', async () => {
    const server = await serve((_, response) => response.end('x'));
    const client = new HttpClient();
    for (let count = 0; count < 3; count++) await client.read({ url: server.url });
    assert.equal(new Set(server.seen.map(({ socket }) => socket)).size, 1);
  });

  test('that the server closed meanwhile is replaced, once', async () => {
    let kind: 'answer' | 'reset' | 'always reset' = 'answer';
    const server = await serve((request, response) => {
      if (kind === 'answer') return void response.end('x');
      if (kind === 'reset') kind = 'answer';
      request.socket.resetAndDestroy();
    });
    const client = new HttpClient();
    await client.read({ url: server.url });
    kind = 'reset';
    assert.equal((await client.read({ method: 'POST', url: server.url, body: 'y' })).body.toString(), 'x');
    assert.equal(server.seen.length, 3);
    kind = 'always reset';
    await assert.rejects(client.read({ url: server.url }), { code: 'Unreachable' });
    assert.equal(server.seen.length, 5, 'the one that was kept, and one more');
  });
});

describe('a server', () => {
  test('is trusted by the authority that is given, or not at all', async () => {
    const server = await serve((_, response) => response.end('x'), true);
    await assert.rejects(new HttpClient().read({ url: server.url }), { code: 'TlsFailed', message: /ca\.crt/ });
    const other = await selfSigned();
    const stranger = new HttpClient({ tls: { ca: other.cert } });
    await assert.rejects(stranger.read({ url: server.url }), { code: 'TlsFailed' });
    for (const tls of [{ ca: cert }, { insecureSkipVerify: true }]) {
      const client = new HttpClient({ tls });
      assert.equal((await client.read({ url: server.url })).body.toString(), 'x');
      client.close();
    }
    stranger.close();
  });

  test('is not reached at a refused address, by number or by name, nor after a redirect', async () => {
    const server = await serve((_, response) => response.end('x'));
    const client = new HttpClient({ rules: { refuseLoopback: true } });
    for (const url of [server.url, server.url.replace('127.0.0.1', 'localhost'), 'http://169.254.169.254/'])
      await assert.rejects(client.read({ url }), { code: 'AddressRefused' }, url);
    assert.equal(server.seen.length, 0);
  });

  test('has an address of http or https, and is shown without credentials and query', async () => {
    const client = new HttpClient();
    for (const url of ['ftp://example.com', 'nothing', 'file:///etc/passwd'])
      await assert.rejects(client.send({ url }), { code: 'InvalidUrl' }, url);
    await assert.rejects(client.send({ url: 'http://user:hunter2@127.0.0.1:1/a?token=hunter2' }), error => {
      assert.equal((error as NetworkError).code, 'Unreachable');
      assert.match(String(error), /http:\/\/127\.0\.0\.1:1\/a/);
      assert.doesNotMatch(String(error), /hunter2/);
      return true;
    });
  });
});
