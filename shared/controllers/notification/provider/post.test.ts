import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { masked, send } from './post.ts';
import { PostFailed } from './provider-type.ts';

interface Received {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

describe('send', () => {
  const received: Received[] = [];
  let answer: RequestListener = (_, response) => void response.end('ok');
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
  });
  // A connection that is closed for being idle may just have been taken for the next POST.
  server.keepAliveTimeout = 0;
  let base = '';
  before(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const now = Date.parse('2026-11-23T08:00:00Z');
  const post = (url = `${base}/secret-path/hook?key=1`, timeoutMs = 60_000) =>
    send(
      { url: new URL(url), headers: { 'content-type': 'application/json' }, body: '{"a":"é"}' },
      { tls: {}, timeoutMs },
      now,
    );
  const failure = async (act: Promise<unknown>): Promise<PostFailed> => {
    const error = await act.then(
      () => assert.fail('it did not fail'),
      (error: unknown) => error,
    );
    assert.ok(error instanceof PostFailed, String(error));
    assert.doesNotMatch(error.message, /secret-path/);
    return error;
  };
  const answerWith = (status: number, body = '', headers: Record<string, string> = {}) => {
    answer = (_, response) => void response.writeHead(status, headers).end(body);
  };

  it('posts the body as it is', async () => {
    answerWith(204);
    await post();
    const { method, url, headers, body } = received.at(-1)!;
    assert.deepEqual([method, url, body], ['POST', '/secret-path/hook?key=1', '{"a":"é"}']);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['content-length'], '10');
  });

  const table: [number, Record<string, string>, boolean, number | undefined][] = [
    [400, {}, false, undefined],
    [401, {}, false, undefined],
    [404, {}, false, undefined],
    [429, { 'retry-after': '7' }, true, 7],
    [429, {}, true, undefined],
    [500, {}, true, undefined],
    [501, {}, false, undefined],
    [503, { 'retry-after': 'Mon, 23 Nov 2026 08:00:30 GMT' }, true, 30],
    [503, { 'retry-after': 'Mon, 23 Nov 2026 07:00:00 GMT' }, true, undefined],
    [503, { 'retry-after': 'soon' }, true, undefined],
  ];
  for (const [status, headers, retry, retryAfter] of table)
    it(`${status} ${JSON.stringify(headers)} is ${retry ? 'tried again' : 'final'}`, async () => {
      answerWith(status, 'no_team', headers);
      const error = await failure(post());
      assert.equal(error.message, `127.0.0.1: request failed with status code ${status}: no_team`);
      assert.deepEqual([error.retry, error.retryAfter], [retry, retryAfter]);
    });

  it('follows no redirects', async () => {
    answerWith(307, '', { location: `${base}/elsewhere` });
    const before = received.length;
    const error = await failure(post());
    assert.equal(error.retry, false);
    assert.match(error.message, /redirect \(307\)/);
    assert.equal(received.length, before + 1);
  });

  it('gives up on a server that does not answer', async () => {
    answer = () => undefined;
    const error = await failure(post(undefined, 50));
    assert.equal(error.retry, true);
    assert.match(error.message, /did not answer within 0.05s/);
  });

  it('bounds the answer that it reads', async () => {
    answer = (_, response) => {
      response.writeHead(400);
      response.end('x'.repeat(5_000_000));
    };
    const error = await failure(post());
    assert.ok(error.message.length < 500);
  });

  it('tries again when nobody listens', async () => {
    // A port of which no server is given one, as might happen to one that was free.
    const error = await failure(post('http://127.0.0.1:1/secret-path'));
    assert.equal(error.retry, true);
    assert.match(error.message, /ECONNREFUSED/);
  });

  for (const url of [
    'http://169.254.169.254/latest/meta-data/iam/security-credentials/',
    'http://169.254.170.2/v2/credentials',
    'http://2852039166/latest',
    'http://[fe80::1]/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fd00:ec2::254]/',
  ])
    it(`refuses ${url}`, async () => {
      const error = await failure(post(url, 1_000));
      assert.equal(error.retry, false);
      assert.match(error.message, /link-local or metadata/);
    });
});

describe('masked', () => {
  it('takes out every occurrence', () => {
    assert.equal(masked('a TOKEN b TOKEN', ['TOKEN']), 'a ***** b *****');
  });
});
