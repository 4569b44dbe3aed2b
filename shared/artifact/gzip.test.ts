import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { DeterministicGzip } from './gzip.ts';

function compress(data: Buffer, step = data.length || 1): Buffer {
  const parts: Buffer[] = [];
  const gzip = new DeterministicGzip(bytes => parts.push(bytes));
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
