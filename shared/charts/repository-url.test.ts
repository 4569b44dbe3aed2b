import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartUrl, indexUrl, normalizeRepositoryUrl } from './repository-url.ts';

test('addresses of repositories have one form', () => {
  const cases: [string, string][] = [
    ['https://example.com', 'https://example.com/'],
    ['https://example.com/charts//', 'https://example.com/charts/'],
    ['http://example.com/charts?token=x', 'http://example.com/charts/?token=x'],
    ['oci://ghcr.io/org/charts/', 'oci://ghcr.io/org/charts'],
    ['oci://ghcr.io', 'oci://ghcr.io'],
  ];
  for (const [url, expected] of cases) assert.equal(normalizeRepositoryUrl(url), expected);
  for (const url of ['example.com', 'ftp://example.com', 'https://', 'file:///etc'])
    assert.throws(() => normalizeRepositoryUrl(url), { code: 'InvalidReference' }, url);
});

test('the index lies beside the charts, and keeps the query', () => {
  assert.equal(indexUrl('https://example.com').href, 'https://example.com/index.yaml');
  assert.equal(indexUrl('https://example.com/a/?t=1').href, 'https://example.com/a/index.yaml?t=1');
});

test('charts are where the index says, seen from the repository; only http and https are followed', () => {
  const cases: [string, string, string | RegExp][] = [
    ['https://e.com/charts', 'app-1.tgz', 'https://e.com/charts/app-1.tgz'],
    ['https://e.com/charts/', 'a/app-1.tgz', 'https://e.com/charts/a/app-1.tgz'],
    ['https://e.com/charts', '/app-1.tgz', 'https://e.com/app-1.tgz'],
    ['https://e.com/charts?t=1', 'app-1.tgz', 'https://e.com/charts/app-1.tgz?t=1'],
    ['https://e.com/charts?t=1', 'https://cdn.com/app.tgz', 'https://cdn.com/app.tgz'],
    ['https://e.com', 'file:///etc/passwd', /none of http or https/],
    ['https://e.com', 'oci://e.com/x', /none of http or https/],
    ['https://e.com', 'http://[', /none of http or https/],
  ];
  for (const [repository, reference, expected] of cases) {
    if (expected instanceof RegExp) assert.throws(() => chartUrl(repository, reference), expected);
    else assert.equal(chartUrl(repository, reference).href, expected);
  }
});
