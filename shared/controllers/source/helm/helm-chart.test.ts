import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VersionRangeError } from '../../../api/version.ts';
import { BuildError, ChartError } from '../../../charts/errors.ts';
import { NetworkError } from '../../../network/errors.ts';
import { OciError } from '../../../oci/errors.ts';
import { RetryError } from '../../../reconcile/errors.ts';
import { chartFailure, inLookup } from './chart-failure.ts';
import { humanSize } from './helm-repository.ts';

const pull = (cause: unknown) => new BuildError('ChartPullError', cause, 'failed to download chart');
const failures: [string, unknown, string, boolean, RegExp][] = [
  [
    'a server that is not there',
    pull(new NetworkError('Unreachable', 'x')),
    'ChartPullError',
    false,
    /^chart pull error: failed to download chart: x$/,
  ],
  [
    'a refused login',
    pull(new ChartError('AuthenticationFailed', '401')),
    'AuthenticationFailed',
    false,
    /^failed to authenticate with the Helm repository: chart pull error/,
  ],
  [
    'a registry that wants to know who asks',
    pull(new OciError('AuthenticationFailed', 'x')),
    'AuthenticationFailed',
    false,
    /./,
  ],
  ['a certificate that is not trusted', pull(new NetworkError('TlsFailed', 'x')), 'AuthenticationFailed', false, /./],
  ['a registry that forbids it', pull(new OciError('Denied', 'x')), 'ChartPullError', false, /./],
  [
    'a dependency that may not be fetched',
    new BuildError('DependencyBuildError', new ChartError('AuthenticationFailed', 'x')),
    'DependencyBuildError',
    false,
    /./,
  ],
  [
    'a reference',
    new BuildError('InvalidChartReference', new ChartError('NotFound', 'x')),
    'InvalidChartReference',
    true,
    /^invalid chart reference: x$/,
  ],
  [
    'values',
    new BuildError('ValuesFilesError', new ChartError('NotFound', 'x')),
    'ValuesFilesError',
    true,
    /^values files merge error: x$/,
  ],
  [
    'a version that takes no metadata',
    new BuildError('MetadataPatchError', new Error('x')),
    'MetadataPatchError',
    true,
    /./,
  ],
  [
    'a chart that cannot be packaged',
    new BuildError('ChartPackageError', new Error('x')),
    'ChartPackageError',
    false,
    /./,
  ],
  ['a Secret that is not there', new RetryError('AuthenticationFailed', 'x'), 'AuthenticationFailed', false, /^x$/],
  ['anything else', new TypeError('x'), 'Failed', false, /^x$/],
];
for (const [name, error, reason, stalled, message] of failures)
  test(`failure of a chart: ${name}`, () => {
    const failure = chartFailure(error);
    assert.deepEqual([failure.reason, failure.stalled], [reason, stalled]);
    assert.match(failure.message, message);
  });

test('a server that says when to come again is asked then', () => {
  assert.equal(chartFailure(pull(new ChartError('PullFailed', '429', { afterMs: 7000 }))).afterMs, 7000);
  assert.equal(chartFailure(pull(new OciError('TooManyRequests', 'x', { afterMs: 9000 }))).afterMs, 9000);
});

test('what an index does not have stalls; what a registry does not have yet is asked for again', async () => {
  const reasonOf = (error: Error, isRegistry: boolean) =>
    inLookup(() => Promise.reject(error), isRegistry).catch((failure: BuildError) => failure.code);
  const absent = new ChartError('NotFound', 'x');
  assert.equal(await reasonOf(absent, false), 'InvalidChartReference');
  assert.equal(await reasonOf(absent, true), 'ChartPullError');
  assert.equal(await reasonOf(new VersionRangeError('x', 'y'), false), 'InvalidChartReference');
  assert.equal(await reasonOf(new ChartError('InvalidIndex', 'x'), false), 'ChartPullError');
});

test('sizes are told as Docker tells them', () => {
  const sizes: [number, string][] = [
    [0, '0B'],
    [999, '999B'],
    [1000, '1kB'],
    [30_880, '30.88kB'],
    [52_428_800, '52.43MB'],
  ];
  for (const [bytes, text] of sizes) assert.equal(humanSize(bytes), text);
});
