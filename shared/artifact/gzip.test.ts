import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { combineCrc32 } from './crc32.ts';
import { DeterministicGzip } from './gzip.ts';

function compress(data: Buffer, step = data.length || 1): Buffer {
  const parts: Buffer[] = [];
  const gzip = new DeterministicGzip(bytes => parts.push(Buffer.from(bytes)));
  for (let start = 0; start < data.length; start += step) gzip.write(data.subarray(start, start + step));
  gzip.end();
  return Buffer.concat(parts);
}

/** Bytes that look random and are the same every time. */
function noise(size: number, seed = 1): Buffer {
  const data = Buffer.alloc(size);
  let state = seed;
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    data[index] = state >> 16;
  }
  return data;
}

function words(size: number, seed: number): Buffer {
  const source = noise(size, seed);
  const list = [
    'apiVersion: v1\n',
    'kind: ConfigMap\n',
    'metadata:\n',
    '  name: ',
    'a',
    'bb',
    '\n',
    'data:\n',
    'x',
    '0123456789',
  ];
  return Buffer.from(Array.from(source, byte => list[byte % list.length]).join('')).subarray(0, size);
}

const samples: [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['a byte', Buffer.from('a')],
  ['few bytes', Buffer.from('abcabcabcabcabc')],
  ['zeros', Buffer.alloc(1_000_000)],
  ['noise', noise(700_000)],
  ['text', words(700_000, 3)],
  ['text, then noise, then text', Buffer.concat([words(150_000, 5), noise(150_000, 7), words(150_000, 5)])],
  ['a block exactly', words(131072, 9)],
  ['a block and a byte', words(131073, 9)],
  ['far repetitions', Buffer.concat([noise(32768, 11), noise(32768, 11), noise(32769, 13), noise(32769, 13)])],
  [
    'rare and common bytes',
    Buffer.from(Array.from({ length: 130_000 }, (_, index) => Math.floor(Math.log2((index % 65536) + 1)) * 7)),
  ],
];

test('every gunzip reads it, however it is written', () => {
  for (const [name, data] of samples) {
    const whole = compress(data);
    assert.ok(zlib.gunzipSync(whole).equals(data), name);
    for (const step of [1, 513, 65536, 131072]) {
      if (step === 1 && data.length > 200_000) continue;
      assert.ok(compress(data, step).equals(whole), `${name} in steps of ${step}`);
    }
  }
  for (let seed = 1; seed < 400; seed++) {
    const data = Buffer.from(noise(seed * 3, seed).map(byte => byte % ((seed % 60) + 1)));
    assert.ok(zlib.gunzipSync(compress(data)).equals(data), `seed ${seed}`);
  }
});

test('what lies between two cuts depends on nothing else, unpacks alone, and can be taken over', () => {
  for (const sizes of [[], [1], [5, 40], [131072, 131073], [200_000, 0, 1, 300_000]]) {
    const pieces = sizes.map((size, index) => (index % 2 ? noise(size, index + 1) : words(size, index + 1)));
    const parts: Buffer[] = [];
    const gzip = new DeterministicGzip(bytes => parts.push(Buffer.from(bytes)));
    const length = () => parts.reduce((sum, part) => sum + part.length, 0);
    const places = pieces.map(piece => {
      const start = length();
      gzip.write(piece);
      assert.equal(gzip.sinceCut, piece.length);
      const checksum = gzip.cut();
      assert.deepEqual(checksum, { crc: zlib.crc32(piece), size: piece.length });
      assert.deepEqual(gzip.cut(), { crc: 0, size: 0 }, 'nothing since');
      return { start, end: length(), checksum };
    });
    gzip.end();
    const whole = Buffer.concat(parts);
    assert.ok(zlib.gunzipSync(whole).equals(Buffer.concat(pieces)), `${sizes}`);
    const copied: Buffer[] = [];
    const second = new DeterministicGzip(bytes => copied.push(Buffer.from(bytes)));
    for (const [index, { start, end, checksum }] of places.entries()) {
      const bytes = whole.subarray(start, end);
      const alone = zlib.inflateRawSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
      assert.ok(alone.equals(pieces[index]!), `${sizes}: ${index}`);
      if (index % 3 === 0) {
        second.copy(bytes);
        second.account(checksum);
      } else {
        second.write(pieces[index]!);
        second.cut();
      }
    }
    second.end();
    assert.ok(Buffer.concat(copied).equals(whole), `${sizes}: copied`);
  }
});

test('the checksum of two pieces is that of both together', () => {
  for (const [first, second] of [
    [0, 0],
    [0, 9],
    [9, 0],
    [1, 1],
    [1000, 70_000],
    [3, 1 << 20],
  ] as const) {
    const [one, two] = [noise(first, 5), noise(second, 6)];
    const combined = combineCrc32(zlib.crc32(one), zlib.crc32(two), two.length);
    assert.equal(combined, zlib.crc32(Buffer.concat([one, two])), `${first} and ${second}`);
  }
  // Sizes beyond 32 bits: zeros, taken apart in two ways.
  const zeros = [zlib.crc32(Buffer.alloc(1))];
  for (let index = 0; index < 33; index++) zeros.push(combineCrc32(zeros[index]!, zeros[index]!, 2 ** index));
  const three = combineCrc32(zeros[32]!, zeros[31]!, 2 ** 31);
  assert.equal(zeros[20], zlib.crc32(Buffer.alloc(2 ** 20)));
  assert.equal(combineCrc32(zeros[31]!, three, 3 * 2 ** 31), zeros[33]);
});

test('text gets small, noise hardly grows', () => {
  const text = words(700_000, 3);
  assert.ok(compress(text).length < zlib.gzipSync(text, { level: 1 }).length * 1.1);
  assert.ok(compress(noise(700_000)).length < 700_000 + 200);
  assert.ok(compress(Buffer.alloc(1_000_000)).length < 2500);
});

test('the bytes are pinned: a change of the compressor changes the digest of every artifact', () => {
  const digest = createHash('sha256');
  for (const [, data] of samples) digest.update(compress(data));
  assert.equal(digest.digest('hex'), '7f1b02d08c34c94e7f09081cb4174b4e35078d2042364bea29ca7b8c54b0fc77');
});
