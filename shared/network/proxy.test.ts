import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { selfSigned } from '../../test/scenario/certificate.ts';
import { HttpClient } from './http.ts';
import { agentsFor } from './proxy.ts';
import { openSocket } from './socket.ts';

const { key, cert } = await selfSigned();
const open: net.Server[] = [];
after(() => {
  for (const server of open) {
    server.close();
    if (server instanceof http.Server || server instanceof https.Server) server.closeAllConnections();
  }
});

async function listen(server: net.Server): Promise<number> {
  open.push(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A proxy that notes what it is asked for, and asks for this login. */
async function startProxy(login?: string, secure = false): Promise<{ address: string; asked: string[] }> {
  const asked: string[] = [];
  const expected = login && `Basic ${Buffer.from(login).toString('base64')}`;
  const allowed = (request: http.IncomingMessage) => {
    asked.push(`${request.method} ${request.url}`);
    return !expected || request.headers['proxy-authorization'] === expected;
  };
  const server = secure ? https.createServer({ key, cert }) : http.createServer();
  server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
    if (!allowed(request)) return response.writeHead(407).end();
    const onward = http.request(request.url!, { method: request.method, headers: request.headers }, answer => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
    socket.on('error', () => undefined);
    if (!allowed(request)) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
    const { hostname, port } = new URL(`http://${request.url}`);
    const onward = net.connect(Number(port), hostname === 'inside.example' ? '127.0.0.1' : hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  });
  const port = await listen(server);
  return { address: `${secure ? 'https' : 'http'}://127.0.0.1:${port}`, asked };
}

const plain = await listen(http.createServer((_, response) => response.end('plain')));
const secure = await listen(https.createServer({ key, cert }, (_, response) => response.end('secure')));

test('HTTP and HTTPS go through a proxy that resolves their names', async () => {
  const proxy = await startProxy('ü ser:p@ss:w');
  const { address, asked } = proxy;
  const client = new HttpClient({ tls: { ca: cert }, proxy: { address, username: 'ü ser', password: 'p@ss:w' } });
  assert.equal((await client.read({ url: `http://127.0.0.1:${plain}/a` })).body.toString(), 'plain');
  assert.equal((await client.read({ url: `https://localhost:${secure}/b` })).body.toString(), 'secure');
  assert.deepEqual(asked, [`GET http://127.0.0.1:${plain}/a`, `CONNECT localhost:${secure}`]);
  // A name that means something only to the proxy: the certificate is what does not fit.
  await assert.rejects(client.read({ url: `https://inside.example:${secure}/` }), { code: 'TlsFailed' });
  client.close();
});

test('a proxy may itself speak TLS', async () => {
  const { address } = await startProxy(undefined, true);
  const client = new HttpClient({ tls: { ca: cert }, proxy: { address } });
  assert.equal((await client.read({ url: `https://127.0.0.1:${secure}/` })).body.toString(), 'secure');
  assert.equal((await client.read({ url: `http://127.0.0.1:${plain}/` })).body.toString(), 'plain');
  client.close();
});

test('a proxy that refuses, or is not there, is named, and its password is not', async () => {
  const { address } = await startProxy('user:right');
  const wrong = { address, username: 'user', password: 'hunter2' };
  const client = new HttpClient({ tls: { ca: cert }, proxy: wrong });
  assert.equal((await client.read({ url: `http://127.0.0.1:${plain}/` })).status, 407);
  const refused = (error: Error & { code: string }) => {
    assert.equal(error.code, 'ProxyFailed');
    assert.match(error.message, /407.*proxySecretRef/s);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  };
  await assert.rejects(client.read({ url: `https://127.0.0.1:${secure}/` }), refused);
  await assert.rejects(openSocket('127.0.0.1', plain, { proxy: wrong }), refused);
  client.close();
  const lost = new HttpClient({ proxy: { address: 'http://127.0.0.1:1' } });
  for (const url of [`http://127.0.0.1:${plain}/`, `https://127.0.0.1:${secure}/`])
    await assert.rejects(lost.read({ url }), { name: 'NetworkError', message: /ECONNREFUSED/ });
  lost.close();
});

test('a proxy stands at no refused address, by number or by name', async () => {
  const rules = { refuseLoopback: true };
  const target = { url: `http://127.0.0.1:${plain}/` };
  for (const scheme of ['http', 'https', 'socks5']) {
    const literal = { address: `${scheme}://169.254.169.254:1080` };
    assert.throws(() => agentsFor({}, literal, {}), { code: 'AddressRefused' });
    await assert.rejects(openSocket('example.com', 1, { proxy: literal }), { code: 'AddressRefused' });
    const named = { address: `${scheme}://localhost:1080` };
    const client = new HttpClient({ proxy: named, rules });
    await assert.rejects(client.read(target), { code: 'AddressRefused' }, scheme);
    await assert.rejects(openSocket('example.com', 1, { proxy: named, rules }), { code: 'AddressRefused' }, scheme);
    client.close();
  }
});

test('an address that is none is refused', () => {
  for (const address of ['', 'proxy:3128', 'ftp://proxy', 'socks4://proxy', `http://${'a'.repeat(3000)}`])
    assert.throws(() => new HttpClient({ proxy: { address } }), {
      code: 'InvalidCredentials',
      message: /`address` in the Secret of spec\.proxySecretRef/,
    });
});

test('a socket is opened directly, or through CONNECT, and left when the signal says so', async () => {
  const { address, asked } = await startProxy();
  for (const proxy of [undefined, { address }]) {
    const socket = await openSocket('127.0.0.1', plain, { proxy });
    socket.end('GET / HTTP/1.0\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.match(text, /plain$/);
  }
  assert.deepEqual(asked, [`CONNECT 127.0.0.1:${plain}`]);
  const silent = await listen(net.createServer(() => undefined));
  for (const scheme of ['http', 'socks5']) {
    const controller = new AbortController();
    const proxy = { address: `${scheme}://127.0.0.1:${silent}` };
    const opening = openSocket('127.0.0.1', plain, { proxy, signal: controller.signal });
    setImmediate(() => controller.abort());
    await assert.rejects(opening, { code: 'Canceled' }, scheme);
  }
  const rules = { refuseLoopback: true };
  await assert.rejects(openSocket('localhost', plain, { rules }), { code: 'AddressRefused' });
  await assert.rejects(openSocket('127.0.0.1', 1), { code: 'Unreachable', message: /cannot reach 127\.0\.0\.1:1/ });
});
