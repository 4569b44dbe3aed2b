import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { until } from './fixture/start-host.ts';
import { answer, BodyBudget, isOwnName, readBody, TooManyBodies } from './http-exchange.ts';

const budget = new BodyBudget(1000);
let reading = 0;
const server = createServer(async (incoming, response) => {
  reading++;
  try {
    const body = await readBody(incoming, 800, { budget, until: response });
    answer(response, 200, 'text/plain', String(body.length));
  } catch (error) {
    answer(response, error instanceof TooManyBodies ? 503 : 413, 'text/plain', '', { connection: 'close' });
  }
});
await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
after(() => {
  server.closeAllConnections();
  server.close();
});
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
const send = async (bytes: number) => (await fetch(url, { method: 'POST', body: 'x'.repeat(bytes) })).status;

test('bodies that are held at the same time are bounded together, and make room when they go', async () => {
  const slow = request(url, { method: 'POST', headers: { 'content-length': '700' } });
  slow.on('error', () => undefined);
  slow.write('x'.repeat(600));
  await until('the slow one is being read', () => reading === 1);
  await until('there is no room beside it', async () => (await send(500)) === 503);
  assert.equal(await send(300), 200, 'a small one has room');
  slow.destroy();
  await until('its room is free again', async () => (await send(500)) === 200);
  for (let n = 0; n < 5; n++) assert.equal(await send(700), 200);
  assert.equal(await send(900), 413);
});

test('names of this machine, and of no other', () => {
  for (const own of ['localhost', 'localhost:80', '127.0.0.1:8080', '[::1]:1', 'LOCALHOST'])
    assert.ok(isOwnName(own), own);
  for (const other of [undefined, '', 'example.com', 'localhost.example.com', '127.0.0.1.example.com', '128.0.0.1'])
    assert.ok(!isOwnName(other), other);
});
