import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject, ProtobufError } from './decode.ts';

function field(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  assert.ok(bytes.length < 128);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

function number(field: number, value: number): Buffer {
  return Buffer.from([field << 3, value]);
}

function object(apiVersion: string, kind: string, ...fields: Buffer[]): Buffer {
  const type = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  return Buffer.concat([Buffer.from('k8s\0'), field(1, type), field(2, Buffer.concat(fields))]);
}

test('a secret: metadata, a map of bytes', () => {
  const entry = Buffer.concat([field(1, 'p'), field(2, 'q')]);
  assert.deepEqual(decodeObject(object('v1', 'Secret', field(1, field(1, 's')), field(2, entry), field(3, 'Opaque'))), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    data: { p: 'cQ==' },
    type: 'Opaque',
  });
});

test('an autoscaling Scale, and delete options of any group', () => {
  assert.deepEqual(decodeObject(object('autoscaling/v1', 'Scale', field(2, number(1, 3)))), {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    spec: { replicas: 3 },
  });
  const options = decodeObject(object('apps/v1', 'DeleteOptions', number(1, 0), field(4, 'Foreground')));
  assert.deepEqual([options.gracePeriodSeconds, options.propagationPolicy], [0, 'Foreground']);
});

test('int-or-string, quantities and what JSON writes inline', () => {
  const budget = decodeObject(
    object('policy/v1', 'PodDisruptionBudget', field(2, field(1, Buffer.concat([number(1, 1), field(3, '50%')])))),
  );
  assert.deepEqual(budget.spec, { minAvailable: '50%' });
  const volume = Buffer.concat([field(1, 'v'), field(2, field(2, ''))]);
  const pod = decodeObject(object('v1', 'Pod', field(2, field(1, volume)))) as { spec: { volumes: unknown[] } };
  assert.deepEqual(pod.spec.volumes, [{ name: 'v', emptyDir: {} }]);
});

test('a map key __proto__ stays a key', () => {
  const entry = Buffer.concat([field(1, '__proto__'), field(2, 'x')]);
  const { data } = decodeObject(object('v1', 'ConfigMap', field(2, entry))) as { data: object };
  assert.deepEqual(Object.keys(data), ['__proto__']);
  assert.equal(Object.getPrototypeOf(data), Object.prototype);
});

test('what is no such message is refused', () => {
  const whole = object('v1', 'ConfigMap', field(1, field(1, 'name')));
  for (const wrong of [
    Buffer.from('{}'),
    whole.subarray(0, -2),
    object('v1', 'Nonsense'),
    Buffer.from('k8s\0\xff\xff'),
  ])
    assert.throws(() => decodeObject(wrong), ProtobufError);
});
