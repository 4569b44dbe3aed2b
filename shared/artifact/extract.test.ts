import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';
import tar from 'tar-stream';
import type { Store } from '../ports/store.ts';
import { type ArchiveEntry, writeArchive } from './archive.ts';
import { extractArchive } from './extract.ts';
import {
  ArtifactMissing,
  artifactKey,
  artifactOfPath,
  artifactPath,
  artifactToken,
  artifactUrl,
  fetchArtifact,
  fileOfRevision,
} from './layout.ts';

let root: string;
let count = 0;
before(() => {
  root = mkdtempSync(path.join(tmpdir(), 'sluice-extract-test-'));
});
after(() => rmSync(root, { recursive: true, force: true }));
const fresh = () => path.join(root, `d${count++}`);

type Member = { name: string; content?: string | Buffer } & Partial<tar.Header>;

async function archive(entries: Member[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const { content, ...header } of entries) pack.entry(header as tar.Header, content ?? '');
  pack.finalize();
  const parts: Buffer[] = [];
  for await (const part of pack) parts.push(part as Buffer);
  return zlib.gzipSync(Buffer.concat(parts));
}

const stream = (bytes: Buffer, step = 1000) =>
  Readable.from(
    (function* () {
      for (let start = 0; start < bytes.length; start += step) yield bytes.subarray(start, start + step);
    })(),
  );

test('what was archived comes out again', async () => {
  const contents: Record<string, string> = {
    a: 'a',
    'dir/sub/b.yaml': 'b: 1\n',
    'ü/日本': 'x',
    [`${'long/'.repeat(40)}file`]: 'deep',
    'z-large': 'z'.repeat(300_000),
  };
  async function* entries(): AsyncGenerator<ArchiveEntry> {
    for (const [name, text] of Object.entries(contents).sort(([a], [b]) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    ))
      yield {
        path: name,
        mode: name === 'a' ? 'executable' : 'file',
        size: Buffer.byteLength(text),
        read: async () => Buffer.from(text),
      };
  }
  const file = path.join(root, 'own.tar.gz');
  await writeArchive(entries(), file);
  const dir = fresh();
  await extractArchive(stream(readFileSync(file), 77), dir);
  for (const [name, text] of Object.entries(contents))
    assert.equal(readFileSync(path.join(dir, name), 'utf8'), text, name.slice(0, 20));
  assert.equal(statSync(path.join(dir, 'a')).mode & 0o777, 0o700);
  assert.equal(statSync(path.join(dir, 'z-large')).mode & 0o777, 0o600);
});

test("reads archives in Flux's form: a root entry, directories without slash, symlinks passed over", async () => {
  const bytes = await archive([
    { name: '.', type: 'directory' },
    { name: 'a', type: 'directory' },
    { name: './a/b', content: 'b' },
    { name: 'link', type: 'symlink', linkname: '/etc/passwd' },
    { name: 'c/d', content: 'no directory before' },
  ]);
  const dir = fresh();
  await extractArchive(stream(bytes), dir);
  assert.deepEqual(readdirSync(dir, { recursive: true }).sort(), ['a', 'a/b', 'c', 'c/d']);
});

test('archives that reach out of their directory, or hold more than files, are refused', async () => {
  const cases: [string, Member[], string][] = [
    ['parent', [{ name: '../evil', content: 'x' }], 'UnsafePath'],
    ['parent within', [{ name: 'a/../../evil', content: 'x' }], 'UnsafePath'],
    ['absolute', [{ name: '/tmp/evil', content: 'x' }], 'UnsafePath'],
    ['backslash', [{ name: '..\\evil', content: 'x' }], 'UnsafePath'],
    ['hard link', [{ name: 'a', type: 'link', linkname: '/etc/passwd' }], 'InvalidArchive'],
    ['device', [{ name: 'a', type: 'character-device' }], 'InvalidArchive'],
    ['pipe', [{ name: 'a', type: 'fifo' }], 'InvalidArchive'],
    [
      'through a link',
      [
        { name: 'l', type: 'symlink', linkname: '..' },
        { name: 'l', content: 'x' },
        { name: 'l/evil', content: 'x' },
      ],
      'InvalidArchive',
    ],
    [
      'twice',
      [
        { name: 'a', content: 'x' },
        { name: 'a', content: 'y' },
      ],
      'InvalidArchive',
    ],
    [
      'directory over file',
      [
        { name: 'a', content: 'x' },
        { name: 'a', type: 'directory' },
      ],
      'InvalidArchive',
    ],
  ];
  for (const [name, entries, code] of cases) {
    const dir = path.join(fresh(), 'inner');
    await assert.rejects(extractArchive(stream(await archive(entries)), dir), { code }, name);
    assert.deepEqual(readdirSync(path.dirname(dir)), ['inner'], `${name}: nothing beside the directory`);
  }
  const taken = fresh();
  mkdirSync(taken);
  writeFileSync(path.join(taken, 'x'), '');
  await assert.rejects(extractArchive(stream(await archive([])), taken), { code: 'WriteFailed' });
});

test('broken archives are refused', async () => {
  const good = await archive([{ name: 'a', content: 'x'.repeat(5000) }]);
  for (const [name, bytes] of [
    ['no gzip', Buffer.from('hello')],
    ['nothing', Buffer.alloc(0)],
    ['cut off', good.subarray(0, good.length - 20)],
    ['no tar', zlib.gzipSync(Buffer.alloc(2048, 'x'))],
    ['tar cut off', zlib.gzipSync(zlib.gunzipSync(good).subarray(0, 1000))],
  ] as const)
    await assert.rejects(extractArchive(stream(bytes), fresh()), { code: 'InvalidArchive' }, name);
});

test('bombs are stopped', async () => {
  const zeros = await archive([{ name: 'a', content: Buffer.alloc(20_000_000) }]);
  await assert.rejects(extractArchive(stream(zeros), fresh(), { bytes: 1_000_000 }), { code: 'TooLarge' });
  await assert.rejects(extractArchive(stream(zeros), fresh(), { ratio: 100 }), { code: 'TooLarge' });
  const many = await archive(Array.from({ length: 50 }, (_, index) => ({ name: `f${index}`, content: '' })));
  await assert.rejects(extractArchive(stream(many), fresh(), { files: 49 }), { code: 'TooLarge' });
  const deep = await archive([{ name: `${'d/'.repeat(20)}f`, content: '' }]);
  await assert.rejects(extractArchive(stream(deep), fresh(), { depth: 20 }), { code: 'TooLarge' });
});

/** Only what fetchArtifact uses of a store. */
function storeOf(objects: Record<string, Buffer>): Store {
  const get = async (key: string) => {
    const bytes = objects[key];
    return bytes && { key, size: bytes.length, lastModified: 0, body: stream(bytes) };
  };
  return { get } as unknown as Store;
}

test('nothing is visible of an artifact whose bytes are not those of its digest', async () => {
  const bytes = await archive([{ name: 'a/b', content: 'b' }]);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const other = `sha256:${'0'.repeat(64)}`;
  const store = storeOf({ [artifactKey(digest)]: bytes, [artifactKey(other)]: bytes });
  const dir = fresh();
  await fetchArtifact(store, { digest }, dir);
  assert.equal(readFileSync(path.join(dir, 'a/b'), 'utf8'), 'b');
  const empty = fresh();
  mkdirSync(empty);
  await fetchArtifact(store, { digest }, empty);
  assert.equal(existsSync(path.join(empty, 'a/b')), true, 'an empty directory may be there before');
  const bad = fresh();
  await assert.rejects(fetchArtifact(store, { digest: other }, bad), { code: 'DigestMismatch' });
  assert.equal(existsSync(bad), false);
  await assert.rejects(fetchArtifact(store, { digest: `sha256:${'1'.repeat(64)}` }, bad), ArtifactMissing);
  await assert.rejects(fetchArtifact(store, { digest: 'sha256:../../etc' }, bad), { code: 'InvalidArchive' });
  assert.deepEqual(
    readdirSync(root).filter(name => name.endsWith('.part')),
    [],
  );
});

test('keys, paths and addresses', () => {
  const digest = `sha256:${'ab'.repeat(32)}`;
  assert.equal(artifactKey(digest), `artifacts/sha256/${'ab'.repeat(32)}`);
  assert.equal(
    artifactPath('GitRepository', 'ns', 'app', fileOfRevision(`main@sha1:${'c'.repeat(40)}`)),
    `gitrepository/ns/app/${'c'.repeat(40)}.tar.gz`,
  );
  const url = new URL(
    artifactUrl('https://sluice.example.com/base', artifactToken('secret', digest), digest, 'tar.gz'),
  );
  assert.equal(artifactOfPath(url.pathname, 'secret')?.digest, digest);
  assert.equal(artifactOfPath(url.pathname, 'other'), undefined);
  assert.equal(artifactOfPath(url.pathname.replaceAll('ab', 'cd'), 'secret'), undefined);
  assert.equal(artifactOfPath('/artifacts/x/y.tar.gz', 'secret'), undefined);
});
