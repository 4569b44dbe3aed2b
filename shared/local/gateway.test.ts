import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { fixtureFunctions, scratch, until } from './fixture/start-host.ts';
import { type Host, type Observation, startHost } from './host.ts';

describe('gateway', () => {
  let host: Host;
  const dir = scratch();
  const seen: Observation[] = [];
  before(async () => {
    host = await startHost({ dir, threads: 1, functions: fixtureFunctions, observe: one => seen.push(one) });
  });
  after(() => host.close());
  const ask = (path: string, init?: RequestInit) => fetch(host.url + path, init);

  test('a webhook reaches its function as API Gateway would hand it over', async () => {
    const response = await ask('/hook/abc?x=1&x=2&y=%20', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Hub-Signature-256': 'sha256=1', cookie: 'a=1; b=2' },
      body: '{"text":"🚀"}',
    });
    assert.equal(response.status, 200);
    const event = (await response.json()) as APIGatewayProxyEventV2;
    assert.equal(event.version, '2.0');
    assert.equal(event.rawPath, '/hook/abc');
    assert.equal(event.rawQueryString, 'x=1&x=2&y=%20');
    assert.deepEqual(event.queryStringParameters, { x: '1,2', y: ' ' });
    assert.deepEqual(event.cookies, ['a=1', 'b=2']);
    assert.equal(event.headers['x-hub-signature-256'], 'sha256=1');
    assert.equal(event.body, '{"text":"🚀"}');
    assert.equal(event.isBase64Encoded, false);
    assert.equal(event.requestContext.http.method, 'POST');
    assert.equal(event.requestContext.http.sourceIp, '127.0.0.1');
    assert.match(event.requestContext.time, /^\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
    const observed = seen.find(one => one.type === 'webhook');
    assert.equal(observed?.type === 'webhook' && observed.trace, 'trace-1');
  });

  test('bodies that are not text come in base64, bytes unchanged', async () => {
    const bytes = Buffer.from([0, 255, 10, 200]);
    for (const type of ['application/octet-stream', 'application/x-www-form-urlencoded', 'application/json']) {
      const response = await ask('/hook/x', { method: 'POST', headers: { 'content-type': type }, body: bytes });
      const event = (await response.json()) as APIGatewayProxyEventV2;
      assert.equal(event.isBase64Encoded, true);
      assert.deepEqual(Buffer.from(event.body!, 'base64'), bytes);
    }
  });

  test('answers: structured, in base64, plain, and none because the function threw', async () => {
    const bytes = await ask('/hook/bytes');
    assert.equal(bytes.status, 418);
    assert.equal(bytes.headers.get('x-one'), '1');
    assert.deepEqual(Buffer.from(await bytes.arrayBuffer()), Buffer.from([0, 255]));
    assert.deepEqual(await (await ask('/hook/plain')).json(), { plain: true });
    const thrown = await ask('/hook/throw');
    assert.equal(thrown.status, 500);
    assert.deepEqual(await thrown.json(), { message: 'Internal Server Error' });
  });

  test('10 MB is taken, more is 413, whether announced or not', async () => {
    const init = { method: 'POST', headers: { 'content-type': 'text/plain' } };
    const full = await ask('/hook/x', { ...init, body: Buffer.alloc(10 * 1024 * 1024, 97) });
    assert.equal(full.status, 200);
    const announced = await ask('/hook/x', { ...init, body: Buffer.alloc(20 * 1024 * 1024, 97) });
    assert.equal(announced.status, 413);
    const chunked = request(`${host.url}/hook/x`, { method: 'POST' });
    // Closed under the writer's hands is as good an answer, once the status is there.
    chunked.on('error', () => undefined);
    const answered = once(chunked, 'response');
    for (let i = 0; i < 20; i++) chunked.write(Buffer.alloc(1024 * 1024, 97));
    const [response] = await answered;
    assert.equal(response.statusCode, 413);
    chunked.destroy();
    assert.equal((await ask('/healthz')).status, 200);
  });

  test('a streamed answer arrives whole, without being held', async () => {
    const response = await ask('/artifacts/64');
    assert.equal(response.headers.get('content-type'), 'application/x-test');
    let bytes = 0;
    for await (const chunk of response.body!) bytes += chunk.length;
    assert.equal(bytes, 64_000_000);
  });

  test('an answer that breaks off is no answer; a reader that goes away stops the function', async () => {
    const broken = await ask('/artifacts/5/broken');
    await assert.rejects(broken.arrayBuffer());
    const leaving = new AbortController();
    const response = await ask('/artifacts/100000', { signal: leaving.signal });
    await response.body!.getReader().read();
    leaving.abort();
    await until('the function has ended', () => host.pool.threads.every(thread => thread.load === 0));
  });

  test('anything else is 404; the landing page names nothing secret and loads nothing', async () => {
    for (const path of ['/hook', '/x', '/artifacts', '/notifications/x'])
      assert.equal((await ask(path)).status, 404, path);
    const page = await (await ask('/')).text();
    assert.match(page, /Sluice/);
    assert.doesNotMatch(page, /src=|https?:\/\//);
  });

  test('a request that is no HTTP does not harm', async () => {
    const socket = connect(Number(new URL(host.url).port), '127.0.0.1');
    socket.on('error', () => undefined).resume();
    socket.write('\u0000\u0001 nonsense\r\n\r\n');
    await once(socket, 'close');
    assert.equal((await ask('/healthz')).status, 200);
  });
});
