import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type Archive, type ArchiveEntry, writeArchive } from './archive.ts';
import { KeptArchive } from './kept-archive.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-earlier-test-'));
after(() => rmSync(dir, { recursive: true }));

/** Bytes that look random and are the same in every run. */
function bytesOf(seed: string, size: number): Buffer {
  return createHash('shake256', { outputLength: size || 1 })
    .update(seed)
    .digest()
    .subarray(0, size);
}

const numberOf = (seed: string, below: number) => bytesOf(seed, 4).readUInt32BE() % below;

/** Content, and whether the file is executable. */
type Files = Map<string, { content: Buffer; executable?: boolean; named?: boolean }>;

interface Written extends Archive {
  file: string;
  /** Paths whose contents were read for it. */
  read: string[];
}

let written = 0;

async function write(files: Files, earlier?: KeptArchive): Promise<Written> {
  const read: string[] = [];
  async function* entries(): AsyncGenerator<ArchiveEntry> {
    const paths = [...files.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const path of paths) {
      const { content, executable, named = true } = files.get(path)!;
      const oid = oidOf(content);
      yield {
        path,
        mode: executable ? 'executable' : 'file',
        size: content.length,
        ...(named ? { oid } : {}),
        read: async () => {
          read.push(path);
          return content;
        },
      };
    }
  }
  const file = join(dir, `${written++}.tar.gz`);
  return { ...(await writeArchive(entries(), file, earlier)), file, read };
}

interface Keeping {
  bytes?: Buffer;
  descriptor?: number;
  most?: number;
}

/** The archive as it is kept for the next one. */
function keep({ file, digest, segments }: Written, keeping: Keeping = {}): Promise<KeptArchive> {
  const { bytes = readFileSync(file), descriptor = keptFile(), most } = keeping;
  return KeptArchive.receive(descriptor, Readable.from([bytes]), digest, segments, most);
}

function keptFile(): number {
  return openSync(join(dir, `${written++}.kept`), 'wx+');
}

const oidOf = (content: Buffer) => createHash('sha1').update(content).digest('hex');

function tree(seed: string, count: number): Files {
  const files: Files = new Map();
  for (let n = 0; n < count; n++) {
    const large = numberOf(`${seed} is ${n} large`, 20) === 0;
    const size = numberOf(`${seed} size ${n}`, large ? 200_000 : 3000);
    const content = bytesOf(`${seed} ${n}`, size);
    const deep = 'd/'.repeat(numberOf(`${seed} depth ${n}`, 4));
    const path = `${deep}${numberOf(`${seed} dir ${n}`, 9)}/file-${n}`;
    files.set(path, { content: large ? content : Buffer.from(content.toString('hex')) });
  }
  return files;
}

test('on an earlier archive the bytes are the same as without, and what did not change is not read', async () => {
  const files = tree('start', 300);
  let earlier = await keep(await write(files));
  for (let step = 0; step < 8; step++) {
    const paths = [...files.keys()];
    const any = (what: string) => paths[numberOf(`${step} ${what}`, paths.length)]!;
    const text = bytesOf(`${step} text`, 900);
    files.set(any('changed'), { content: text });
    files.set(`new/${step}/file`, { content: text });
    files.set(any('executable'), { content: text, executable: true });
    files.delete(any('deleted'));
    const moved = any('moved');
    files.set(`moved-${step}`, files.get(moved) ?? { content: text });
    files.delete(moved);
    const [difference, whole] = [await write(files, earlier), await write(files)];
    assert.equal(difference.digest, whole.digest, `step ${step}`);
    assert.deepEqual(difference.segments, whole.segments);
    assert.equal(whole.read.length, files.size);
    assert.ok(difference.read.length < files.size, `${difference.read.length} of ${files.size} were read`);
    assert.ok(gunzipSync(readFileSync(difference.file)).length > 0);
    earlier.close();
    earlier = await keep(difference);
  }
  assert.deepEqual((await write(files, earlier)).read, []);
  earlier.close();
});

test('one change of many files reads a few, wherever it is', async () => {
  const files = tree('many', 900);
  const earlier = await keep(await write(files));
  for (const path of [...files.keys()].filter((_, n) => n % 200 === 0)) {
    const changed: Files = new Map(files).set(path, { content: Buffer.from('changed') });
    const { read } = await write(changed, earlier);
    assert.ok(read.includes(path) && read.length < 400, `${path}: ${read.length} were read`);
  }
  earlier.close();
});

test('every content is found by its id, and no other', async () => {
  const files = tree('contents', 300);
  const earlier = await keep(await write(files));
  for (const { content } of files.values()) {
    const oid = oidOf(content);
    assert.equal(earlier.sizeOf(oid), content.length);
    await earlier.unpack(oid);
    assert.ok(earlier.read(oid).equals(content));
  }
  assert.equal(earlier.sizeOf('0'.repeat(40)), undefined);
  await assert.rejects(earlier.unpack('0'.repeat(40)), { code: 'InvalidArchive' });
  assert.throws(() => earlier.read('0'.repeat(40)), { code: 'InvalidArchive' });
  earlier.close();
});

test('in any order, a segment is unpacked once, and what is read keeps nothing else in memory', async () => {
  const files = tree('any order', 900);
  const first = await write(files);
  const descriptor = keptFile();
  const earlier = await keep(first, { descriptor });
  const contents = [...files.values()].map(({ content }) => content);
  const scattered = contents.map((_, n) => contents[(n * 541) % contents.length]!);
  const buffers = new Set<ArrayBufferLike>();
  for (const content of [...scattered, ...scattered]) {
    await earlier.unpack(oidOf(content));
    const bytes = earlier.read(oidOf(content));
    assert.ok(bytes.equals(content));
    buffers.add(bytes.buffer);
  }
  const unpacked = first.segments.reduce((sum, { size }) => sum + size, 0);
  assert.equal(fstatSync(descriptor).size, first.size + unpacked);
  const read = 2 * contents.reduce((sum, content) => sum + content.length, 0);
  const held = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
  assert.ok(held < 2 * read, `${held} bytes are held by ${read}`);
  earlier.close();
});

test('no more is unpacked than there is room for, and nothing is read that was not unpacked', async () => {
  const files = tree('room', 300);
  const first = await write(files);
  const most = first.segments[0]!.size;
  const earlier = await keep(first, { most });
  const [own, other] = [first.segments[0]!, first.segments[1]!].map(({ contents }) => contents[0]!.oid);
  await earlier.unpack(own!);
  await assert.rejects(earlier.unpack(other!), { code: 'TooLarge' });
  assert.throws(() => earlier.read(other!), { code: 'InvalidArchive' });
  assert.equal(earlier.read(own!).length, earlier.sizeOf(own!));
  assert.equal((await write(files, earlier)).digest, first.digest, 'what is copied needs no room');
  earlier.close();
});

test('a segment that unpacks to more or less than was noted is refused', async () => {
  const first = await write(tree('noted', 200));
  for (const wrong of [-1, 1]) {
    const segments = first.segments.map(segment => ({ ...segment, size: segment.size + wrong }));
    const earlier = await keep({ ...first, segments });
    for (const { contents } of segments)
      await assert.rejects(earlier.unpack(contents[0]!.oid), { code: 'InvalidArchive' });
    earlier.close();
  }
});

test('a file whose content has no name is always read; those of other segments are not', async () => {
  const files = tree('unnamed', 400);
  files.set('zz-included', { content: Buffer.from('x'), named: false });
  const first = await write(files);
  const earlier = await keep(first);
  const second = await write(files, earlier);
  assert.equal(second.digest, first.digest);
  assert.ok(second.read.includes('zz-included') && second.read.length < files.size / 2, `${second.read.length}`);
  earlier.close();
});

test('what is in the archive differs in names, modes and directories, and is not mixed up', async () => {
  const content = Buffer.from('the same');
  const named = (...paths: string[]): Files => new Map(paths.map(path => [path, { content }]));
  const earlier = await keep(await write(named('a/b/one')));
  for (const files of [
    named('a/b/two'),
    named('a/one'),
    named('one'),
    named('a/a', 'a/b/one'),
    new Map([['a/b/one', { content, executable: true }]]),
    new Map([['a/b/one', { content: Buffer.from('not same') }]]),
  ]) {
    const [difference, whole] = [await write(files, earlier), await write(files)];
    assert.equal(difference.digest, whole.digest, [...files.keys()].join());
  }
  earlier.close();
});

test('an earlier archive that is damaged or cut off is refused', async () => {
  const first = await write(tree('damaged', 50));
  const bytes = readFileSync(first.file);
  const flipped = Buffer.from(bytes);
  flipped[bytes.length >> 1]! ^= 1;
  for (const damaged of [flipped, bytes.subarray(0, -1), Buffer.alloc(0)])
    await assert.rejects(keep(first, { bytes: damaged }), { code: 'DigestMismatch' });
});
