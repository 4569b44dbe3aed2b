import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptedSizes, limitBytes, measuredSizes, outgrown } from './bundle-sizes.ts';
import { functionNames } from './bundles.ts';

test('bundles are under 5 MB, and none grew by a tenth', async () => {
  const sizes = await measuredSizes();
  assert.deepEqual(Object.keys(sizes).sort(), functionNames);
  assert.deepEqual(Object.keys(acceptedSizes()).sort(), functionNames);
  for (const bytes of Object.values(sizes)) assert.ok(bytes > 100_000, 'everything that is imported is in it');
  assert.deepEqual(outgrown(sizes, acceptedSizes()), []);
});

test('one that grew is named, with what to do', () => {
  assert.deepEqual(outgrown({ webhook: 1_099_999 }, { webhook: 1_000_000 }), []);
  assert.match(
    outgrown({ webhook: 1_100_001 }, { webhook: 1_000_000 })[0]!,
    /^webhook grew from 1000000 to 1100001 bytes/,
  );
  assert.match(outgrown({ webhook: limitBytes }, { webhook: limitBytes })[0]!, /is the limit/);
  assert.match(outgrown({ admission: 1 }, {})[0]!, /no accepted size/);
});
