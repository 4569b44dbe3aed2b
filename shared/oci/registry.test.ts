import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { after, afterEach, before, describe, test } from 'node:test';
import { HttpClient } from '../network/http.ts';
import { openRegistry, type Registry, type RegistryOptions } from './registry.ts';
import { imageIndex, json, type LoopbackRegistry, startLoopbackRegistry } from './testing/loopback-registry.ts';

let server: LoopbackRegistry;
let other: LoopbackRegistry;
before(async () => {
  [server, other] = await Promise.all([startLoopbackRegistry(), startLoopbackRegistry()]);
});
after(async () => {
  await Promise.all([server.close(), other.close()]);
});
afterEach(() => {
  server.intercept = undefined;
  other.intercept = undefined;
  server.asked.length = 0;
  other.asked.length = 0;
});

const open = (repository: string, options: Partial<RegistryOptions> = {}): Registry =>
  openRegistry({ url: `oci://${server.host}/${repository}`, http: new HttpClient(), ...options });
const paths = () => server.asked.map(({ method, path }) => `${method} ${path}`);
const layerOf = async (registry: Registry, tag = 'v1') => (await registry.manifest(tag)).manifest.layers![0]!;
const large = randomBytes(300_000);
const refused = (code: string, message: RegExp) => ({ name: 'OciError', code, message });

describe('manifests', () => {
  test('a tag is resolved by one HEAD, and what is read is what the digest names', async () => {
    const pushed = server.artifact('plain', 'v1', Buffer.from('layer'), { a: 'b' });
    const registry = open('plain');
    assert.deepEqual(await registry.resolve('v1'), pushed);
    assert.deepEqual(paths(), ['GET /v2/', 'HEAD /v2/plain/manifests/v1']);
    const { manifest, descriptor } = await registry.manifest(pushed.digest);
    assert.deepEqual(manifest.annotations, { a: 'b' });
    assert.equal(descriptor.digest, pushed.digest);
    assert.deepEqual(await registry.readBlob(manifest.layers![0]!, 10), Buffer.from('layer'));
    await assert.rejects(registry.readBlob(manifest.layers![0]!, 4), refused('TooLarge', /has 5 bytes, of at most 4/));
  });

  test('a registry that knows no HEAD, or says too little by it, is asked for the manifest', async () => {
    const pushed = server.artifact('nohead', 'v1', Buffer.from('layer'));
    for (const status of [405, 404, 200]) {
      server.intercept = ({ method }, answer) => method === 'HEAD' && Boolean(answer.writeHead(status).end());
      assert.equal((await open('nohead').resolve('v1')).digest, pushed.digest, String(status));
    }
  });

  test('bytes that are not those of the digest are refused', async () => {
    const pushed = server.artifact('swapped', 'v1', Buffer.from('one'));
    const body = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [] }));
    const swap = (headers: Record<string, string>) => {
      server.intercept = ({ method, path }, answer) =>
        method === 'GET' && path.includes('manifests') && Boolean(answer.writeHead(200, headers).end(body));
    };
    swap({});
    await assert.rejects(open('swapped').manifest(pushed.digest), refused('DigestMismatch', /has the digest sha256:/));
    swap({ 'docker-content-digest': pushed.digest });
    await assert.rejects(open('swapped').manifest('v1'), refused('DigestMismatch', /swapped:v1 has the digest/));
  });

  const bad: [name: string, body: string, code: string, message: RegExp][] = [
    ['no JSON', '<html>', 'InvalidManifest', /cannot be understood/],
    ['schema 1', '{"schemaVersion":1,"fsLayers":[]}', 'InvalidManifest', /schema 1 is not supported/],
    ['a wrong digest', '{"layers":[{"mediaType":"a","digest":"sha256:x","size":1}]}', 'InvalidManifest', /layers\.0/],
    [
      'a negative size',
      `{"layers":[{"mediaType":"a","digest":"sha256:${'a'.repeat(64)}","size":-1}]}`,
      'InvalidManifest',
      /size/,
    ],
    ['too large a manifest', `{"a":"${'x'.repeat(5 * 2 ** 20)}"}`, 'TooLarge', /more than 4194304 bytes/],
  ];
  for (const [name, body, code, message] of bad)
    test(`refused: ${name}`, async () => {
      server.intercept = ({ path }, answer) => path.includes('manifests') && Boolean(answer.end(body));
      await assert.rejects(open('bad').manifest('v1'), refused(code, message));
    });

  test('errors are told in the words of the registry, without control characters', async () => {
    await assert.rejects(
      open('none').resolve('v1'),
      refused('NotFound', /none:v1: not found \(404\): MANIFEST_UNKNOWN: /),
    );
    const errors = [{ code: 'DENIED', message: 'no\u001b[31m entry\n', detail: {} }];
    server.intercept = ({ path }, answer) => {
      if (path.includes('manifests')) json(answer, 'GET', 403, { errors });
      return path.includes('manifests');
    };
    await assert.rejects(open('denied').manifest('v1'), refused('Denied', /\(403\): DENIED: no \[31m entry$/));
  });

  test('what is no tag and no digest is not asked for', async () => {
    for (const reference of ['a b', '../x', 'sha256:abc', '', 'x'.repeat(129), '-x', 'a/b', 'a?b'])
      await assert.rejects(
        open('xx').manifest(reference),
        refused('InvalidReference', /is not a (tag|digest)/),
        reference,
      );
    assert.deepEqual(paths(), []);
  });
});

describe('trouble that passes', () => {
  /** Answers the first `count` requests that match by `how`. */
  const first = (count: number, match: RegExp, how: (answer: ServerResponse) => void) => {
    let left = count;
    server.intercept = ({ path }, answer) => {
      if (!match.test(path) || left === 0) return false;
      left--;
      how(answer);
      return true;
    };
  };

  test('429 and 5xx are tried again, a few times', async () => {
    server.artifact('busy', 'v1', Buffer.from('x'));
    first(2, /manifests/, answer => answer.writeHead(429, { 'retry-after': '0' }).end());
    await open('busy').resolve('v1');
    first(1, /\/v2\/$/, answer => answer.writeHead(503).end());
    await open('busy').resolve('v1');
    first(1, /manifests/, answer => answer.destroy());
    await open('busy').resolve('v1');
    server.asked.length = 0;
    first(99, /manifests/, answer => answer.writeHead(500).end());
    await assert.rejects(open('busy').manifest('v1'), refused('ServerError', /the registry failed \(500\)/));
    assert.equal(server.asked.length, 1 + 4);
  });

  test('who is told to wait for long comes again when he was told', async () => {
    first(99, /manifests/, answer => answer.writeHead(429, { 'retry-after': '120' }).end());
    await assert.rejects(open('busy').manifest('v1'), { code: 'TooManyRequests', afterMs: 120_000 });
    assert.equal(server.asked.length, 2);
    const date = 'Mon, 05 Jan 2026 10:00:00 GMT';
    const later = { date, 'retry-after': 'Mon, 05 Jan 2026 10:01:30 GMT' };
    first(99, /manifests/, answer => answer.writeHead(503, later).end());
    await assert.rejects(open('busy').manifest('v1'), { code: 'ServerError', afterMs: 90_000 });
  });

  test('a blob that breaks off is taken up where it broke', async () => {
    server.artifact('broken', 'v1', large);
    const registry = open('broken');
    const layer = await layerOf(registry);
    server.asked.length = 0;
    first(2, /blobs/, answer => {
      answer.writeHead(200, { 'content-length': large.length });
      answer.write(large.subarray(0, 100_000), () => answer.destroy());
    });
    const intercept = server.intercept;
    // The second answer comes in the place of a range: all of it from the beginning.
    assert.ok((await buffer(await registry.blob(layer))).equals(large));
    assert.notEqual(intercept, undefined);
    const ranges = server.asked.map(({ headers }) => headers.range);
    assert.deepEqual(ranges[0], undefined);
    assert.match(ranges[1] ?? '', /^bytes=\d+-$/);
    assert.equal(ranges.length, 3);
  });

  const blobs: [name: string, how: (answer: ServerResponse) => void, code: string, message: RegExp][] = [
    [
      'ends early each time',
      answer => answer.end(large.subarray(0, 1000)),
      'Unreachable',
      /ends after 1000 of 300000 bytes, 4 times/,
    ],
    ['has other bytes', answer => answer.end(Buffer.alloc(large.length)), 'DigestMismatch', /has the digest/],
    [
      'is too long',
      answer => answer.end(Buffer.alloc(large.length + 1)),
      'DigestMismatch',
      /larger than the 300000 bytes/,
    ],
    [
      'answers another range',
      answer => answer.writeHead(206, { 'content-range': 'bytes 5-9/300000' }).end(),
      'NotRegistry',
      /another range/,
    ],
  ];
  for (const [name, how, code, message] of blobs)
    test(`a blob that ${name} is refused`, async () => {
      server.artifact('blob', 'v1', large);
      const registry = open('blob');
      const layer = await layerOf(registry);
      first(99, /blobs/, how);
      await assert.rejects(async () => buffer(await registry.blob(layer)), refused(code, message));
    });
});

describe('blobs elsewhere', () => {
  test('a redirect to another host is followed, without the credentials', async () => {
    const content = Buffer.from('elsewhere');
    server.artifact('moved', 'v1', content);
    const credentials = { username: 'u', password: 'p' };
    server.intercept = ({ path, headers }, answer) => {
      if (path === '/v2/') return Boolean(answer.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end());
      assert.equal(headers.authorization, `Basic ${Buffer.from('u:p').toString('base64')}`);
      if (!path.includes('blobs')) return false;
      return Boolean(answer.writeHead(307, { location: `${other.origin}/signed?x=1` }).end());
    };
    other.intercept = (_, answer) => Boolean(answer.end(content));
    const registry = open('moved', { credentials });
    assert.deepEqual(await registry.readBlob(await layerOf(registry), 100), content);
    assert.deepEqual(
      other.asked.map(({ path, headers }) => [path, headers.authorization]),
      [['/signed?x=1', undefined]],
    );
  });
});

describe('tags', () => {
  test('20,000 tags are read page by page', async () => {
    const all = Array.from({ length: 20_000 }, (_, n) => `1.0.${n}`);
    server.intercept = ({ path }, answer) => {
      const url = new URL(path, server.origin);
      if (!path.includes('tags')) return false;
      const start = all.indexOf(url.searchParams.get('last') ?? '') + 1;
      const tags = all.slice(start, start + 1000);
      if (start + 1000 < all.length)
        answer.setHeader('link', `</v2/many/tags/list?last=${tags.at(-1)}&n=1000>; rel="next"`);
      json(answer, 'GET', 200, { name: 'many', tags });
      return true;
    };
    assert.deepEqual(await open('many').tags(), all);
    assert.equal(server.asked.length, 1 + 20);
  });

  const links: [name: string, link: string, code: string][] = [
    ['on another host', '<http://127.0.0.1:1/v2/xx/tags/list?n=2>; rel="next"', 'RedirectRefused'],
    ['the same again', '</v2/xx/tags/list?n=1000>; rel="next"', 'NotRegistry'],
  ];
  for (const [name, link, code] of links)
    test(`a next page that is ${name} is refused`, async () => {
      server.intercept = ({ path }, answer) => {
        if (path.includes('tags')) json(answer.setHeader('link', link), 'GET', 200, { tags: ['a'] });
        return path.includes('tags');
      };
      await assert.rejects(open('xx').tags(), { code });
    });

  test('a list that is none is said to be none', async () => {
    server.intercept = ({ path }, answer) => path.includes('tags') && Boolean(answer.end('<html>'));
    await assert.rejects(open('xx').tags(), refused('NotRegistry', /not a list of tags/));
    server.intercept = ({ path }, answer) => path.includes('tags') && Boolean(answer.end('{"tags":null}'));
    assert.deepEqual(await open('xx').tags(), []);
  });
});

describe('referrers', () => {
  const signature = (subject: object) => ({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: 'application/x.signature',
    config: server.blob(Buffer.from('{}')),
    layers: [],
    subject,
  });

  test('are found by the API, and by the tag where there is none', async () => {
    const subject = server.artifact('signed', 'v1', Buffer.from('x'));
    const signed = {
      ...server.manifest('signed', undefined, signature(subject)),
      artifactType: 'application/x.signature',
    };
    const registry = open('signed');
    assert.deepEqual(await registry.referrers(subject.digest), []);
    const manifests = [signed, { ...signed, artifactType: 'application/x.other' }];
    server.manifest('signed', subject.digest.replace(':', '-'), { schemaVersion: 2, mediaType: imageIndex, manifests });
    assert.deepEqual(await registry.referrers(subject.digest, 'application/x.signature'), [signed]);
    assert.equal((await registry.referrers(subject.digest)).length, 2);
    const api = await startLoopbackRegistry({ referrers: true });
    try {
      api.manifest('signed', undefined, signature(subject));
      const found = await openRegistry({ url: `${api.host}/signed`, http: new HttpClient() }).referrers(subject.digest);
      assert.deepEqual(found, [signed]);
    } finally {
      await api.close();
    }
  });
});
