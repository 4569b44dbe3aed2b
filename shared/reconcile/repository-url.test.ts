import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketUrl, normalizeUrl } from './repository-url.ts';

const table: [string, string | undefined][] = [
  ['https://github.com/Org/App', 'github.com/org/app'],
  ['https://github.com/org/app.git', 'github.com/org/app'],
  ['https://user:pass@github.com:443/org/app/', 'github.com/org/app'],
  ['ssh://git@github.com:22/org/app.git', 'github.com/org/app'],
  ['git@github.com:org/app.git', 'github.com/org/app'],
  ['https://git.example.com:8443//a///b', 'git.example.com:8443/a/b'],
  ['https://dev.azure.com/org/my%20project/_git/app', 'dev.azure.com/org/my project/_git/app'],
  ['https://example.com/100%', 'example.com/100%'],
  ['s3://podinfo', 's3://podinfo'],
  ['not a url', undefined],
  ['', undefined],
];

for (const [url, expected] of table) test(`${url || '(empty)'}`, () => assert.equal(normalizeUrl(url), expected));

const amazon = [
  's3.amazonaws.com',
  's3.eu-west-1.amazonaws.com',
  's3-eu-west-1.amazonaws.com',
  's3-fips.dualstack.us-east-1.amazonaws.com',
  's3.cn-north-1.amazonaws.com.cn',
  'vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com',
  'https://S3.amazonaws.com:443/',
];
for (const endpoint of amazon)
  test(`a bucket at ${endpoint} is known by its name`, () =>
    assert.equal(bucketUrl(endpoint, 'Config'), 's3://config'));
for (const endpoint of ['s3.example.com', 's3.amazonaws.com.example.com', 'mys3.amazonaws.com.evil', 'minio:9000'])
  test(`a bucket at ${endpoint} is known by its server, too`, () =>
    assert.equal(bucketUrl(endpoint, 'config'), `s3://${endpoint}/config`));
