import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Receiver } from '../../../api/notification/receiver.ts';
import { compileFilters, isFiltered, passes, requestBody } from './filters.ts';
import { liveRequest } from './request.ts';

const receiver = (resourceFilter: string | undefined, ...filters: (string | undefined)[]) =>
  Receiver.parse({
    apiVersion: 'notification.toolkit.fluxcd.io/v1',
    kind: 'Receiver',
    metadata: { name: 'a', namespace: 'b' },
    spec: {
      type: 'generic',
      secretRef: { name: 's' },
      ...(resourceFilter ? { resourceFilter } : {}),
      resources: filters.map(filter => ({ kind: 'GitRepository', name: '*', ...(filter ? { filter } : {}) })),
    },
  });
const object = {
  apiVersion: 'image.toolkit.fluxcd.io/v1',
  kind: 'ImageRepository',
  metadata: {
    name: 'hello-world',
    labels: { environment: 'production' },
    annotations: { 'update-image': 'hello-world' },
  },
  spec: { secret: 'x' },
};
const req = { action: 'INSERT', tag: 'us-east1-docker.pkg.dev/my-project/my-repo/hello-world:1.1' };

const table: [string, string | undefined, string | undefined, boolean][] = [
  ['no filter', undefined, undefined, true],
  ['of the Receiver', 'req.tag.contains(res.metadata.name)', undefined, true],
  ['of the Receiver, false', "req.action == 'DELETE'", undefined, false],
  ['of the resource', undefined, "res.metadata.labels['environment'] == 'production'", true],
  ['both true', 'req.tag.contains(res.metadata.name)', "res.kind == 'ImageRepository'", true],
  ['one of them false', 'req.tag.contains(res.metadata.name)', "res.metadata.name == 'other'", false],
  [
    'parts of a tag',
    `has(res.metadata.annotations) && req.tag.split('/').last().value().split(":").first().value() == res.metadata.annotations['update-image']`,
    undefined,
    true,
  ],
  ['only the metadata', 'has(res.spec)', undefined, false],
];
for (const [name, all, one, expected] of table)
  test(`filters: ${name}`, () => assert.equal(passes(compileFilters(receiver(all, one)), 0, object, req), expected));

test('a filter of one resource says nothing of another', () => {
  const filters = compileFilters(receiver(undefined, 'false', undefined));
  assert.deepEqual([isFiltered(filters, 0), isFiltered(filters, 1)], [true, false]);
  assert.equal(passes(filters, 1, object, req), true);
});

test('what is no expression stalls, and names the field', () => {
  const stalls = (all: string | undefined, one: string | undefined, message: RegExp) =>
    assert.throws(() => compileFilters(receiver(all, one)), { stalled: true, code: 'InvalidCELExpression', message });
  stalls('res. ==', undefined, /spec\.resourceFilter: failed to parse the CEL expression 'res\. =='/);
  stalls(undefined, '1 +', /spec\.resources\[0\]\.filter: /);
  stalls('res.metadata.name', undefined, /expected bool/);
  stalls("claims.repository == 'x'", undefined, /claims/);
});

test('the body counts when it is said to be JSON', () => {
  const body = (type: string | undefined, text: string) =>
    requestBody(liveRequest(Buffer.from(text), type ? { 'content-type': type } : {}));
  assert.deepEqual(body('application/json; charset=utf-8', '{"a":1}'), { a: 1 });
  assert.deepEqual(body('text/plain', '{"a":1}'), {});
  assert.deepEqual(body(undefined, 'x'), {});
  assert.throws(() => body('application/json', 'no'), { code: 'FilterFailed' });
  assert.throws(() => body('application/json', '[1]'), { code: 'FilterFailed' });
});
