import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, ClusterUnreachable } from '../ports/cluster.ts';
import {
  classify,
  codeOf,
  findError,
  isUnreachable,
  messageOfError,
  RetryError,
  StalledError,
  truncate,
  WaitError,
} from './errors.ts';

class CapabilityError extends Error {
  readonly code = 'BuildFailed';
}

test('a wrapped error keeps its meaning', () => {
  const wrapped = (inner: Error) => new Error('outer', { cause: new Error('middle', { cause: inner }) });
  assert.equal(classify(wrapped(new StalledError('URLInvalid', 'bad url'))).type, 'stalled');
  assert.equal(classify(wrapped(new WaitError('NotYet', 'soon', 5000))).type, 'waiting');
  assert.equal(codeOf(wrapped(new CapabilityError('x'))), 'BuildFailed');
  assert.ok(isUnreachable(wrapped(new ClusterUnreachable('prod', 'ECONNREFUSED'))));
  assert.equal(isUnreachable(wrapped(new Error('x'))), false);
});

test('members of aggregate errors count', () => {
  const error = new AggregateError([new Error('a'), new RetryError('PruneFailed', 'b', { afterMs: 7 })]);
  assert.deepEqual([classify(error).type, (classify(error) as { afterMs?: number }).afterMs], ['failed', 7]);
  assert.equal((classify(error) as { reason: string }).reason, 'PruneFailed');
});

test('system codes are no reasons', () => {
  const error = Object.assign(new Error('no such file'), { code: 'ENOENT' });
  assert.equal(codeOf(error), undefined);
  assert.equal((classify(error) as { reason: string }).reason, 'ReconciliationFailed');
});

test('Retry-After is honoured', () => {
  const error = new Error('x', { cause: new ApiError(429, 'TooManyRequests', 'slow down', undefined, 4) });
  assert.equal((classify(error) as { afterMs?: number }).afterMs, 4000);
});

test('messages are joined, but not past an error that chose its words', () => {
  const secret = new ApiError(422, 'Invalid', 'Secret "x" is invalid: data: "hunter2"');
  assert.equal(
    messageOfError(new Error('apply failed', { cause: new CapabilityError('refused: ***', { cause: secret }) })),
    'apply failed: refused: ***',
  );
  assert.equal(
    messageOfError(
      new RetryError('AuthenticationFailed', "failed to get secret 'a/b'", { cause: new Error('forbidden') }),
    ),
    "failed to get secret 'a/b': forbidden",
  );
  assert.equal(messageOfError(new Error('a: b', { cause: new Error('b') })), 'a: b');
});

test('a chain that bites its tail ends', () => {
  const a = new Error('a');
  a.cause = new Error('b', { cause: a });
  assert.equal(findError(a, StalledError), undefined);
});

test('long texts are cut, visibly', () => {
  assert.equal(truncate('abc', 3), 'abc');
  assert.match(truncate('x'.repeat(100), 30), /^x{15}… \(truncated\)$/);
});
