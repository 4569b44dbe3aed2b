import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logTextOf } from './lambda-line.ts';

const time = Date.parse('2026-01-01T12:00:00.000Z');
const id = '8286a188-ba32-4475-8077-530cd35c09a9';
const read = (text: string) => {
  const found = logTextOf({ id: '1', time, text, from: 'kustomize' });
  return found === undefined ? undefined : JSON.parse(found);
};
const report = (status: string, more: object = {}) =>
  JSON.stringify({
    time: '2026-01-01T12:00:00.500Z',
    type: 'platform.report',
    record: { requestId: id, metrics: { durationMs: 120000, maxMemoryUsedMB: 300 }, status, ...more },
  });

test('lines of Sluice are left as they are', () => {
  const own = '{"time":"2026-01-01T12:00:00.000Z","level":"warn","message":"x","object":"a/b/c/d","n":1}';
  assert.equal(logTextOf({ id: '1', time, text: own, from: 'source' }), own);
});

test('what Lambda says is told when something went wrong, and in words', () => {
  const at = { time: '2026-01-01T12:00:00.000Z', function: 'kustomize' };
  const table: [string, object | undefined][] = [
    [report('success'), undefined],
    [
      report('timeout'),
      {
        ...at,
        level: 'error',
        message: 'an invocation was cut off: it took longer than its timeout',
        requestId: id,
        durationMs: 120000,
      },
    ],
    [
      report('error', { errorType: 'Runtime.OutOfMemory' }),
      {
        ...at,
        level: 'error',
        message: 'an invocation ended with error',
        requestId: id,
        durationMs: 120000,
        errorType: 'Runtime.OutOfMemory',
      },
    ],
    ['{"time":"2026-01-01T12:00:00.000Z","type":"platform.start","record":{"requestId":"x"}}', undefined],
    [
      JSON.stringify({
        timestamp: '2026-01-01T12:00:00.100Z',
        level: 'ERROR',
        requestId: id,
        message: { errorType: 'TypeError', errorMessage: 'x is undefined', stackTrace: ['at y'] },
      }),
      {
        time: '2026-01-01T12:00:00.100Z',
        level: 'error',
        message: 'TypeError: x is undefined',
        function: 'kustomize',
        requestId: id,
      },
    ],
    [
      JSON.stringify({ timestamp: '2026-01-01T12:00:00.100Z', level: 'WARN', message: 'deprecated' }),
      { time: '2026-01-01T12:00:00.100Z', level: 'warn', message: 'deprecated', function: 'kustomize' },
    ],
    [
      `2026-01-01T12:00:00.000Z ${id} Task timed out after 120.00 seconds`,
      { ...at, level: 'error', message: 'Task timed out after 120.00 seconds' },
    ],
    [`START RequestId: ${id} Version: $LATEST`, undefined],
    [`REPORT RequestId: ${id}\tDuration: 1.00 ms\t`, undefined],
    ['INIT_START Runtime Version: nodejs:24.v1', undefined],
    ['a warning of Node', { ...at, level: 'info', message: 'a warning of Node' }],
    ['{"cut off', { ...at, level: 'info', message: '{"cut off' }],
    ['{"an":"object of others"}', undefined],
  ];
  for (const [text, expected] of table) assert.deepEqual(read(text), expected, text);
});
