import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { defaultLimits, type GitLimits } from './limits.ts';
import { parseTree } from './objects.ts';
import { Pack } from './pack.ts';
import { openSnapshot } from './snapshot.ts';

type Part = { type: number; data: Buffer; back?: number; base?: Buffer };

const oidOf = (type: string, data: Buffer) =>
  createHash('sha1').update(`${type} ${data.length}\0`).update(data).digest();

function varint(type: number, size: number): Buffer {
  const bytes = [(type << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes[bytes.length - 1]! |= 0x80;
    bytes.push(rest & 0x7f);
  }
  return Buffer.from(bytes);
}

function offset(back: number): Buffer {
  const bytes = [back & 0x7f];
  for (let rest = Math.floor(back / 128); rest > 0; rest = Math.floor(rest / 128))
    bytes.unshift((--rest & 0x7f) | 0x80);
  return Buffer.from(bytes);
}

/** `back` counts objects back to the base of an ofs-delta; `base` is the id that a ref-delta names. */
function packOf(parts: Part[], count = parts.length): Buffer {
  const header = Buffer.alloc(12);
  header.write('PACK');
  header.writeUInt32BE(2, 4);
  header.writeUInt32BE(count, 8);
  const chunks: Buffer[] = [header];
  const offsets: number[] = [];
  let position = 12;
  for (const { type, data, back, base } of parts) {
    const reference =
      back !== undefined ? offset(position - offsets[offsets.length - back]!) : (base ?? Buffer.alloc(0));
    const bytes = Buffer.concat([varint(type, data.length), reference, zlib.deflateSync(data)]);
    offsets.push(position);
    position += bytes.length;
    chunks.push(bytes);
  }
  const body = Buffer.concat(chunks);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

/** A delta that takes all of its base and appends `text`. */
function append(base: Buffer, text: string): Buffer {
  const size = (value: number) => {
    const bytes: number[] = [];
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      bytes.push(rest > 127 ? (rest & 0x7f) | 0x80 : rest);
      if (rest <= 127) return Buffer.from(bytes);
    }
  };
  const copy = Buffer.from([0b10110000, base.length & 0xff, (base.length >> 8) & 0xff]);
  return Buffer.concat([
    size(base.length),
    size(base.length + text.length),
    copy,
    Buffer.from([text.length]),
    Buffer.from(text),
  ]);
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

const receive = (bytes: Buffer, chunk = 65536, limits: Partial<GitLimits> = {}) =>
  Pack.receive(inChunks(bytes, chunk), { ...defaultLimits, ...limits });

const base = Buffer.from('kind: ConfigMap\n'.repeat(20));
const second = Buffer.concat([base, Buffer.from('a: 1\n')]);
const third = Buffer.concat([second, Buffer.from('b: 2\n')]);
const large = Buffer.alloc(3_000_000, 'the quick brown fox ');
const sample: Part[] = [
  { type: 7, data: append(second, 'b: 2\n'), base: oidOf('blob', second) },
  { type: 3, data: base },
  { type: 6, data: append(base, 'a: 1\n'), back: 1 },
  { type: 3, data: large },
  { type: 3, data: Buffer.alloc(0) },
];

test('objects come out whole, however the bytes come in', async () => {
  const bytes = packOf(sample);
  for (const chunk of [1, 7, 100, 4096, bytes.length]) {
    const pack = await receive(bytes, chunk);
    for (const data of [base, second, third, large, Buffer.alloc(0)]) {
      const oid = oidOf('blob', data).toString('hex');
      assert.deepEqual(await pack.read(oid, 'blob'), data);
      assert.equal(pack.stat(oid).size, data.length);
    }
    assert.equal(pack.has('0'.repeat(40)), false);
    pack.close();
  }
});

test('a large object that does not compress is read back', async () => {
  const random = Buffer.alloc(6_000_000);
  for (let at = 0; at < random.length; at += 20) createHash('sha1').update(String(at)).digest().copy(random, at);
  const pack = await receive(packOf([{ type: 3, data: random }]), 50_000);
  assert.ok((await pack.read(oidOf('blob', random).toString('hex'), 'blob')).equals(random));
  pack.close();
});

test('a damaged pack is refused wherever the damage is', async () => {
  const bytes = packOf(sample.filter(part => part.data !== large));
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 0x55;
    await assert.rejects(receive(damaged), { name: 'GitError' }, `byte ${at} changed`);
    await assert.rejects(receive(bytes.subarray(0, at)), { code: 'Corrupt' }, `cut off at byte ${at}`);
  }
  await assert.rejects(receive(Buffer.concat([bytes, Buffer.from('x')])), {
    code: 'Corrupt',
    message: /after its end/,
  });
});

test('deltas that cannot be applied are refused', async () => {
  const good = append(base, 'a: 1\n');
  const wrongBase = append(second, 'x');
  const cases: [string, Part[]][] = [
    [
      'base of another size',
      [
        { type: 3, data: base },
        { type: 6, data: wrongBase, back: 1 },
      ],
    ],
    ['missing base', [{ type: 7, data: good, base: Buffer.alloc(20, 1) }]],
    [
      'copy beyond the base',
      [
        { type: 3, data: base },
        { type: 6, data: Buffer.concat([good.subarray(0, 4), Buffer.from([0x90, 0xff, 0xff])]), back: 1 },
      ],
    ],
    [
      'unknown instruction',
      [
        { type: 3, data: base },
        { type: 6, data: Buffer.concat([good.subarray(0, 4), Buffer.from([0])]), back: 1 },
      ],
    ],
    [
      'too short a result',
      [
        { type: 3, data: base },
        { type: 6, data: good.subarray(0, good.length - 6), back: 1 },
      ],
    ],
    [
      'endless size',
      [
        { type: 3, data: base },
        { type: 6, data: Buffer.alloc(20, 0xff), back: 1 },
      ],
    ],
    [
      'bases in a circle',
      [
        { type: 7, data: good, base: oidOf('blob', third) },
        { type: 7, data: good, base: oidOf('blob', second) },
      ],
    ],
  ];
  for (const [name, parts] of cases) await assert.rejects(receive(packOf(parts)), { code: 'Corrupt' }, name);
  await assert.rejects(receive(packOf([{ type: 5, data: base }])), { code: 'Corrupt', message: /unknown type 5/ });
});

test('limits hold', async () => {
  const bytes = packOf(sample);
  await assert.rejects(receive(bytes, 100, { packBytes: 200 }), { code: 'TooLarge' });
  await assert.rejects(receive(bytes, 100, { objects: 4 }), { code: 'TooLarge' });
  await assert.rejects(receive(bytes, 100, { objectBytes: 1_000_000 }), { code: 'TooLarge' });
  await assert.rejects(receive(bytes, 100, { inflatedBytes: 3_000_100 }), { code: 'TooLarge' });
  const grows = [
    { type: 3, data: base },
    { type: 6, data: append(base, 'a: 1\n'), back: 1 },
  ];
  await assert.rejects(receive(packOf(grows), 100, { objectBytes: base.length }), { code: 'TooLarge' });
  // A header that lies about a small object's size.
  const lie = Buffer.concat([
    packOf([]).subarray(0, 8),
    Buffer.from([0, 0, 0, 1]),
    varint(3, 10),
    zlib.deflateSync(large),
  ]);
  await assert.rejects(receive(Buffer.concat([lie, createHash('sha1').update(lie).digest()])), { code: 'Corrupt' });
});

test('nothing stays on the disk, not even while it is read', async () => {
  const openPacks = () =>
    readdirSync('/proc/self/fd').filter(fd => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).includes('sluice-git-');
      } catch {
        return false;
      }
    }).length;
  if (process.platform !== 'linux') return;
  const pack = await receive(packOf(sample));
  assert.equal(openPacks(), 1);
  pack.close();
  pack.close();
  await assert.rejects(receive(packOf(sample).subarray(0, 200)));
  assert.equal(openPacks(), 0);
});

const tree = (...lines: [mode: string, name: string | Buffer, oid: Buffer][]) =>
  Buffer.concat(
    lines.flatMap(([mode, name, oid]) => [Buffer.from(`${mode} `), Buffer.from(name), Buffer.from([0]), oid]),
  );

test('names that lead out of the tree, or into .git, are refused', () => {
  const oid = Buffer.alloc(20, 7);
  const hostile = [
    '..',
    '.',
    '',
    'a/b',
    '.git',
    '.GIT',
    '.Git',
    '.git ',
    '.git.',
    '.git...',
    'git~1',
    'GIT~1',
    '.g\u200cit',
    '.git\u200d',
    '\uff0egit',
    '.git::$INDEX_ALLOCATION',
    '.git\\hooks',
    'a\\..\\b',
    '..\\x',
    'C:\\x',
    '\\\\server\\share',
  ];
  for (const name of hostile)
    assert.throws(
      () => parseTree('t', tree(['100644', name, oid]), 'dir'),
      { code: 'UnsafePath' },
      JSON.stringify(name),
    );
  assert.throws(() => parseTree('t', tree(['100644', 'a', oid], ['40000', 'a', oid]), ''), {
    code: 'UnsafePath',
    message: /twice/,
  });
  const fine = ['.gitignore', '.github', '.gitattributes', 'git', '...', '..a', 'dev\\x2ddisk', 'con', 'ünï'];
  for (const name of fine) assert.equal(parseTree('t', tree(['100644', name, oid]), '')[0]?.name, name);
  for (const raw of [Buffer.from('100644'), Buffer.from('100644 a\0short'), tree(['9', 'a', oid]), Buffer.from(' a\0')])
    assert.throws(() => parseTree('t', raw, ''), { code: 'Corrupt' });
});

test('modes are read as Git reads them, and paths come in the order of their bytes', () => {
  const oid = Buffer.alloc(20, 7);
  const raw = tree(
    ['40000', 'a', oid],
    ['100664', 'a.txt', oid],
    ['100744', 'a-b', oid],
    ['100645', 'z', oid],
    ['120000', 'l', oid],
    ['160000', 'm', oid],
  );
  const lines = parseTree('t', raw, '').map(({ name, mode }) => `${name} ${mode}`);
  assert.deepEqual(lines, ['a-b executable', 'a.txt file', 'a directory', 'l symlink', 'm submodule', 'z file']);
});

test('a tree of trees that multiplies is cut short', async () => {
  const blob = Buffer.from('x');
  const parts: Part[] = [{ type: 3, data: blob }];
  let below: Buffer = oidOf('blob', blob);
  let mode = '100644';
  for (let level = 0; level < 12; level++) {
    const at = mode;
    const to = below;
    const names = Array.from({ length: 10 }, (_, index): [string, string, Buffer] => [at, `n${index}`, to]);
    const data = tree(...names);
    parts.push({ type: 2, data });
    below = oidOf('tree', data);
    mode = '40000';
  }
  const commit = Buffer.from(
    `tree ${below.toString('hex')}\nauthor a <a@b> 1 +0100\ncommitter a <a@b> 2 -0230\n\nbomb`,
  );
  parts.push({ type: 1, data: commit });
  const walk = async (limits: Partial<GitLimits>) => {
    const pack = await receive(packOf(parts));
    const bounds = { ...defaultLimits, ...limits };
    const snapshot = await openSnapshot(pack, oidOf('commit', commit).toString('hex'), bounds, pack.bytes);
    assert.deepEqual([snapshot.commit.committer.when, snapshot.commit.committer.offset], [2000, -150]);
    try {
      for await (const entry of snapshot.entries()) assert.equal(entry.size, 1);
    } finally {
      await snapshot.dispose();
    }
  };
  await assert.rejects(walk({ treeEntries: 5000 }), { code: 'TooLarge', message: /5000/ });
  await assert.rejects(walk({ treeDepth: 10 }), { code: 'TooLarge', message: /deeper/ });
});
