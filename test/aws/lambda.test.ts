import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { until } from '../scenario/world.ts';
import { startFunctionUrl, startHttpApi } from './gateway.ts';
import { type FunctionError, type FunctionLine, type Lambda, type LambdaOptions, startLambda } from './lambda.ts';
import { installLambda } from './lambda-programs.ts';

const programs = await installLambda();
const folder = mkdtempSync(join(tmpdir(), 'sluice-lambda-test-'));
const open: { close(): Promise<void> }[] = [];
after(async () => {
  await Promise.all(open.map(one => one.close()));
  rmSync(folder, { recursive: true, force: true });
});

/** A function of these lines, in a folder of its own. */
function lambda(
  name: string,
  source: string,
  options: Partial<LambdaOptions> = {},
): Lambda & { lines: FunctionLine[] } {
  const own = mkdtempSync(join(folder, `${name}-`));
  writeFileSync(join(own, 'index.mjs'), source);
  const lines: FunctionLine[] = [];
  const started = startLambda({
    ...{ name, folder: own, env: {}, timeoutSeconds: 20, memoryMb: 256, concurrency: 2, ...programs, ...options },
    onLine: line => void lines.push(line),
  });
  open.push(started);
  return Object.assign(started, { lines });
}

const code = (expected: string) => (error: FunctionError) => error.code === expected;

test('a function sees its own environment, what is written is told with the request, and the environment is used again', async () => {
  process.env.SLUICE_NOT_FOR_FUNCTIONS = 'x';
  const one = lambda(
    'one',
    `let calls = 0; console.log(JSON.stringify({ message: 'loading' }));
    export async function handler(event, context) {
      process.stdout.write(JSON.stringify({ message: 'called', event }) + '\\n');
      return { calls: ++calls, event, id: context.awsRequestId, left: context.getRemainingTimeInMillis(), env: process.env, cwd: process.cwd() };
    }`,
    { env: { SLUICE_NAME: 'x' }, timeoutSeconds: 120 },
  );
  assert.equal(one.size, 0);
  const first = (await one.invoke({ a: 'ü😀' })) as Record<string, unknown>;
  assert.deepEqual(first.event, { a: 'ü😀' });
  assert.ok((first.left as number) > 60_000 && (first.left as number) <= 120_000);
  const env = first.env as Record<string, string>;
  assert.equal(env.SLUICE_NAME, 'x');
  assert.equal(env.SLUICE_NOT_FOR_FUNCTIONS, undefined);
  assert.equal(env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, '256');
  // Lines come by another way than answers.
  const called = await until('the line is told', () => one.lines.find(line => line.json?.message === 'called'));
  assert.equal(called.requestId, first.id);
  await until('the start is told', () => one.lines.some(line => JSON.stringify(line.json ?? {}).includes('loading')));
  assert.equal(((await one.invoke({})) as { calls: number }).calls, 2);
  assert.equal(one.size, 1);
  await until('how long the start took is told', () => one.inits.length > 0);
  assert.equal(one.inits.length, 1);
});

test('invocations at the same time have environments of their own, up to the concurrency; more of them wait', async () => {
  const two = lambda(
    'two',
    `let busy = false;
    export async function handler() {
      if (busy) throw new Error('two at a time');
      busy = true; await new Promise(resolve => setTimeout(resolve, 200)); busy = false;
      return process.pid;
    }`,
  );
  const pids = await Promise.all(Array.from({ length: 6 }, () => two.invoke({})));
  assert.equal(new Set(pids).size, 2);
  assert.equal(two.size, 2);
});

test('an error of the function leaves its environment, a time-out or death replaces it', async () => {
  const three = lambda(
    'three',
    `let calls = 0;
    export async function handler({ act }) {
      calls++;
      if (act === 'throw') throw new TypeError('no good');
      if (act === 'hang') {
        console.log(JSON.stringify({ message: 'hanging' }));
        await new Promise(resolve => setTimeout(resolve, 60_000));
      }
      if (act === 'exit') process.exit(3);
      return calls;
    }`,
    // Of all invocations: those that are to end in time must not meet it on a busy machine.
    { timeoutSeconds: 10, concurrency: 1 },
  );
  assert.equal(await three.invoke({}), 1);
  await assert.rejects(three.invoke({ act: 'throw' }), code('TypeError'));
  assert.equal(await three.invoke({}), 3);
  await assert.rejects(three.invoke({ act: 'hang' }), code('Sandbox.Timedout'));
  assert.equal(await three.invoke({}), 1);
  await assert.rejects(three.invoke({ act: 'exit' }), code('Runtime.ExitError'));
  assert.equal(await three.invoke({}), 1);
  assert.equal(three.killBusy(), false);
  const hanging = () => three.lines.filter(line => JSON.stringify(line.json ?? {}).includes('hanging')).length;
  await until('the first has been told', () => hanging() === 1);
  const killed = assert.rejects(three.invoke({ act: 'hang' }), code('Runtime.ExitError'));
  await until('it is at work', () => hanging() === 2);
  assert.equal(three.killBusy(), true);
  await killed;
  await assert.rejects(three.invoke({ text: 'x'.repeat(6_291_600) }), code('RequestTooLargeException'));
  assert.equal(await three.invoke({}), 1);
});

test('a bundle that cannot be loaded says why', async () => {
  const broken = lambda('broken', `throw new Error('the environment is not as it should be');`);
  await assert.rejects(broken.invoke({}), /the environment is not as it should be/);
});

test('the HTTP API hands a request to the function and its answer back, within its limits', async () => {
  const hook = lambda(
    'hook',
    `export async function handler(event) {
      if (event.headers['x-act'] === 'throw') throw new Error('secret detail');
      const body = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
      return { statusCode: 202, headers: { 'X-Trace': 't' }, body: JSON.stringify({ path: event.rawPath, query: event.rawQueryString, method: event.requestContext.http.method, length: body.length, sum: [...body].reduce((a, b) => a + b, 0) }) };
    }`,
  );
  const errors: unknown[] = [];
  const api = await startHttpApi(hook, error => errors.push(error));
  open.push(api);
  const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
    fetch(`${api.url}/hook/abc?x=1`, { method: 'POST', body, headers });
  const answer = await post(Buffer.from([0, 255, 128]), { 'content-type': 'application/octet-stream' });
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.get('x-trace'), 't');
  assert.deepEqual(await answer.json(), { path: '/hook/abc', query: 'x=1', method: 'POST', length: 3, sum: 383 });
  assert.equal((await post('x'.repeat(5 << 20), { 'content-type': 'text/plain' })).status, 202);
  assert.equal((await post('x'.repeat(7 << 20), { 'content-type': 'text/plain' })).status, 500, 'over an invocation');
  assert.equal((await post('x'.repeat((10 << 20) + 1), { 'content-type': 'text/plain' })).status, 413);
  assert.equal((await fetch(`${api.url}/other`)).status, 404);
  const failed = await post('', { 'x-act': 'throw' });
  assert.equal(failed.status, 500);
  assert.doesNotMatch(await failed.text(), /secret/);
  assert.equal(errors.length, 2);
});

test('a function URL gives status, headers and bytes of a streamed answer, and never takes half of one for the whole', async () => {
  const file = lambda(
    'file',
    `export const handler = awslambda.streamifyResponse(async (event, response) => {
      const size = Number(event.queryStringParameters?.size ?? 10);
      if (event.rawPath === '/early') throw new Error('early');
      const stream = awslambda.HttpResponseStream.from(response, { statusCode: 203, headers: { 'content-length': String(size), etag: '"e"' } });
      stream.write(Buffer.alloc(size / 2, 0));
      await new Promise(resolve => setTimeout(resolve, 20));
      if (event.rawPath === '/middle') throw new Error('middle');
      stream.end(Buffer.alloc(size / 2, 1));
    });`,
  );
  const url = await startFunctionUrl(file);
  open.push(url);
  const whole = await fetch(`${url.url}/whole?size=4000000`);
  assert.equal(whole.status, 203);
  assert.equal(whole.headers.get('etag'), '"e"');
  const bytes = Buffer.from(await whole.arrayBuffer());
  assert.equal(bytes.length, 4_000_000);
  assert.deepEqual([...bytes.subarray(1_999_999, 2_000_001)], [0, 1]);
  assert.equal((await fetch(`${url.url}/whole`, { method: 'HEAD' })).headers.get('content-length'), '10');
  assert.equal((await fetch(`${url.url}/early`)).status, 502);
  // Of what a function wrote before it failed, the emulator gives either that or nothing, as its own threads happen to run.
  const middle = await fetch(`${url.url}/middle`)
    .then(answer => answer.arrayBuffer().then(() => answer.status))
    .catch(() => 'cut off');
  assert.ok(middle === 'cut off' || middle === 502, `never taken for the whole: ${middle}`);
  assert.equal((await fetch(`${url.url}/whole?size=8000000`)).status, 502, 'more than the emulator gives');
});

test('a function URL cuts off an answer that is shorter than its head promised', async () => {
  const short = { status: 200, headers: { 'Content-Length': '10' }, cookies: [], body: Buffer.alloc(5) };
  const url = await startFunctionUrl({ stream: () => Promise.resolve(short) });
  open.push(url);
  const answer = await fetch(url.url);
  assert.equal(answer.status, 200);
  await assert.rejects(answer.arrayBuffer());
});

test('a path that no URL parser would leave as it is reaches the function', async () => {
  const source = 'export async function handler(event) { return { statusCode: 200, body: event.rawPath }; }';
  const api = await startHttpApi(lambda('echo', source));
  open.push(api);
  const answer = await new Promise<string>((resolve, reject) => {
    const call = request(api.url, { path: '/hook/a%2Fb', method: 'POST' }, response => {
      response.setEncoding('utf8');
      response.once('data', resolve);
    });
    call.once('error', reject);
    call.end();
  });
  assert.equal(answer, '/hook/a/b');
});
