import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anonymous, encodePath, signed } from './s3-sign.ts';

/** The examples of AWS's own documentation ("Signature calculations for the Authorization header", GET Bucket). */
const credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const origin = 'https://examplebucket.s3.amazonaws.com';
const now = Date.UTC(2013, 4, 24);

test('requests are signed as AWS documents it', () => {
  const table: [Record<string, string>, string][] = [
    [{ lifecycle: '' }, 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    [{ 'max-keys': '2', prefix: 'J' }, '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
    [{ prefix: 'J', 'max-keys': '2' }, '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ];
  for (const [query, signature] of table) {
    const { headers = {} } = signed({ method: 'GET', origin, path: '/', query }, credentials, 'us-east-1', now);
    assert.equal(
      headers.authorization,
      `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
    );
  }
});

test('a session token is signed, too', () => {
  const session = { ...credentials, sessionToken: 'token' };
  const { headers = {} } = signed({ method: 'GET', origin, path: '/', query: {} }, session, 'us-east-1', now);
  assert.equal(headers['x-amz-security-token'], 'token');
  assert.match(headers.authorization ?? '', /x-amz-date;x-amz-security-token,/);
});

test('without credentials nothing is signed', () => {
  assert.deepEqual(anonymous({ method: 'HEAD', origin, path: '/a', query: { b: 'c d' } }), {
    method: 'HEAD',
    url: `${origin}/a?b=c%20d`,
  });
});

test('keys are encoded as the signature has them', () => {
  assert.equal(encodePath("a b/c+d'(e)*!/ü"), 'a%20b/c%2Bd%27%28e%29%2A%21/%C3%BC');
});
