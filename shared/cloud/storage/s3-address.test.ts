import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type S3Place, s3Address } from './s3-address.ts';

const place = (more: Partial<S3Place>): S3Place => ({
  endpoint: 's3.example.com',
  bucketName: 'podinfo',
  insecure: false,
  ...more,
});

/** As MinIO's client does, which Flux uses (minio-go: makeTargetURL, IsVirtualHostSupported, GetRegionFromURL). */
const table: [string, Partial<S3Place>, string, string, string][] = [
  ['any server', {}, 'https://s3.example.com', '/podinfo/', 'us-east-1'],
  ['any server by http', { insecure: true, endpoint: 'minio:9000' }, 'http://minio:9000', '/podinfo/', 'us-east-1'],
  ['an address', { insecure: true, endpoint: '[::1]:9000' }, 'http://[::1]:9000', '/podinfo/', 'us-east-1'],
  ['any server with a region', { region: 'moon-1' }, 'https://s3.example.com', '/podinfo/', 'moon-1'],
  ['the port of https is none', { endpoint: 's3.example.com:443' }, 'https://s3.example.com', '/podinfo/', 'us-east-1'],
  ['AWS', { endpoint: 's3.amazonaws.com' }, 'https://podinfo.s3.amazonaws.com', '/', 'us-east-1'],
  [
    'AWS in a region',
    { endpoint: 's3.amazonaws.com', region: 'eu-west-1' },
    'https://podinfo.s3.eu-west-1.amazonaws.com',
    '/',
    'eu-west-1',
  ],
  [
    'a region that the host names',
    { endpoint: 's3.eu-west-1.amazonaws.com' },
    'https://podinfo.s3.eu-west-1.amazonaws.com',
    '/',
    'eu-west-1',
  ],
  [
    'an old name of a region',
    { endpoint: 's3-eu-west-1.amazonaws.com' },
    'https://podinfo.s3-eu-west-1.amazonaws.com',
    '/',
    'eu-west-1',
  ],
  [
    'dual stack',
    { endpoint: 's3.dualstack.eu-west-1.amazonaws.com' },
    'https://podinfo.s3.dualstack.eu-west-1.amazonaws.com',
    '/',
    'eu-west-1',
  ],
  [
    'the spec before the host',
    { endpoint: 's3.eu-west-1.amazonaws.com', region: 'us-west-2' },
    'https://podinfo.s3.us-west-2.amazonaws.com',
    '/',
    'us-west-2',
  ],
  [
    'China',
    { endpoint: 's3.cn-north-1.amazonaws.com.cn' },
    'https://podinfo.s3.cn-north-1.amazonaws.com.cn',
    '/',
    'cn-north-1',
  ],
  [
    'FIPS stays where it is',
    { endpoint: 's3-fips.us-gov-west-1.amazonaws.com', region: 'us-east-1' },
    'https://podinfo.s3-fips.us-gov-west-1.amazonaws.com',
    '/',
    'us-east-1',
  ],
  [
    'an endpoint of a VPC',
    { endpoint: 'bucket.vpce-1a2b-3c4d.s3.eu-west-1.vpce.amazonaws.com' },
    'https://podinfo.bucket.vpce-1a2b-3c4d.s3.eu-west-1.vpce.amazonaws.com',
    '/',
    'eu-west-1',
  ],
  [
    'a dot in the name would spoil the certificate',
    { endpoint: 's3.amazonaws.com', bucketName: 'pod.info' },
    'https://s3.amazonaws.com',
    '/pod.info/',
    'us-east-1',
  ],
  ['Google', { endpoint: 'storage.googleapis.com' }, 'https://podinfo.storage.googleapis.com', '/', 'us-east-1'],
  [
    'Alibaba',
    { endpoint: 'oss-cn-hangzhou.aliyuncs.com', region: 'oss-cn-hangzhou' },
    'https://podinfo.oss-cn-hangzhou.aliyuncs.com',
    '/',
    'oss-cn-hangzhou',
  ],
  [
    'a host that looks like AWS and is not',
    { endpoint: 's3.amazonaws.com.example.com' },
    'https://s3.amazonaws.com.example.com',
    '/podinfo/',
    'us-east-1',
  ],
];
for (const [what, more, origin, base, region] of table)
  test(`address: ${what}`, () => {
    const { listV1, ...address } = s3Address(place(more));
    assert.deepEqual(address, { origin, base, region });
    assert.equal(listV1, more.endpoint === 'storage.googleapis.com');
  });

const refused: [string, Partial<S3Place>, RegExp][] = [
  ['a scheme', { endpoint: 'https://s3.example.com' }, /spec\.endpoint/],
  ['a path', { endpoint: 's3.example.com/x' }, /spec\.endpoint/],
  ['a query', { endpoint: 's3.example.com?x' }, /spec\.endpoint/],
  ['credentials', { endpoint: 'a:b@s3.example.com' }, /spec\.endpoint/],
  ['nothing', { endpoint: '' }, /spec\.endpoint/],
  ['a port that is none', { endpoint: 'minio:port' }, /spec\.endpoint/],
  ['a bucket without a name', { bucketName: '' }, /spec\.bucketName/],
  ['a bucket with a slash', { bucketName: 'a/b/c' }, /spec\.bucketName/],
  ['a bucket that leads elsewhere', { bucketName: 'a..b' }, /spec\.bucketName/],
  ['a bucket that is part of a query', { bucketName: 'abc?x=y' }, /spec\.bucketName/],
];
for (const [what, more, message] of refused)
  test(`no address: ${what}`, () => {
    assert.throws(() => s3Address(place(more)), { code: 'InvalidAddress', message });
  });
