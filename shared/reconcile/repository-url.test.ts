import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalizeUrl } from './repository-url.ts';

const table: [string, string | undefined][] = [
  ['https://github.com/Org/App', 'github.com/org/app'],
  ['https://github.com/org/app.git', 'github.com/org/app'],
  ['https://user:pass@github.com:443/org/app/', 'github.com/org/app'],
  ['ssh://git@github.com:22/org/app.git', 'github.com/org/app'],
  ['git@github.com:org/app.git', 'github.com/org/app'],
  ['https://git.example.com:8443//a///b', 'git.example.com:8443/a/b'],
  ['https://dev.azure.com/org/my%20project/_git/app', 'dev.azure.com/org/my project/_git/app'],
  ['https://example.com/100%', 'example.com/100%'],
  ['not a url', undefined],
  ['', undefined],
];

for (const [url, expected] of table) test(`${url || '(empty)'}`, () => assert.equal(normalizeUrl(url), expected));
