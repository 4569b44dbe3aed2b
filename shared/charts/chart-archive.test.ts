import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import tar, { type Header } from 'tar-stream';
import { readChartArchive, writeChartArchive } from './chart-archive.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-chart-'));
after(() => rmSync(dir, { recursive: true, force: true }));

async function tgz(...entries: (Partial<Header> & { text?: string })[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const { text = '', ...header } of entries) pack.entry({ name: 'x', ...header }, text);
  pack.finalize();
  return gzipSync(await buffer(pack as unknown as NodeJS.ReadableStream));
}

const chart = { name: 'app/Chart.yaml', text: 'name: app\nversion: 1.0.0\n' };

test('files are read without their base directory, the later of two of a name counts', async () => {
  const files = await readChartArchive(
    await tgz(
      { name: 'app/', type: 'directory' },
      chart,
      { name: 'app/./templates//a.yaml', text: '1' },
      { name: 'app\\templates\\b.yaml', text: '2' },
      { name: 'app/Chart.yaml', text: 'later' },
    ),
  );
  assert.deepEqual(
    [...files].map(([path, bytes]) => [path, bytes.toString()]),
    [
      ['Chart.yaml', 'later'],
      ['templates/a.yaml', '1'],
      ['templates/b.yaml', '2'],
    ],
  );
  const only = await readChartArchive(await tgz(chart, { name: 'app/x', text: 'x' }), path => path === 'Chart.yaml');
  assert.deepEqual([...only.keys()], ['Chart.yaml']);
});

const hostile: [string, Partial<Header> & { text?: string }, RegExp][] = [
  ['a symlink', { name: 'app/x', type: 'symlink', linkname: '/etc/passwd' }, /holds a symlink: "app\/x"/],
  ['a hard link', { name: 'app/x', type: 'link', linkname: 'app/Chart.yaml' }, /holds a link/],
  ['a device', { name: 'app/x', type: 'character-device' }, /holds a character-device/],
  ['a named pipe', { name: 'app/x', type: 'fifo' }, /holds a fifo/],
  [
    'a path that leads out',
    { name: 'app/../../x' },
    /illegally contains paths that lead out of it: "app\/\.\.\/\.\.\/x"/,
  ],
  ['a path that leads out, of Windows', { name: 'app\\..\\x' }, /paths that lead out of it/],
  ['an absolute path', { name: '/etc/passwd' }, /illegally contains absolute paths/],
  ['an absolute path within', { name: 'app//etc/passwd' }, /illegally contains absolute paths/],
  ['a file beside the chart', { name: 'x' }, /content outside the base directory/],
  ['a drive', { name: 'app\\c:\\x' }, /illegally named files/],
  ['a file that is too large', { name: 'app/x', text: 'x'.repeat(5 * 2 ** 20 + 1) }, /exceeds '5242880' bytes limit/],
];
for (const [name, entry, message] of hostile)
  test(`refused: ${name}`, async () => {
    await assert.rejects(
      readChartArchive(await tgz(chart, entry), () => false),
      message,
    );
  });

test('refused: what is no archive, a cut one, a bomb', async () => {
  await assert.rejects(readChartArchive(Buffer.from('<html>')), {
    code: 'InvalidChart',
    message: /the chart's archive cannot be read: incorrect header check/,
  });
  const whole = await tgz(chart, { name: 'app/x', text: 'x'.repeat(100_000) });
  await assert.rejects(readChartArchive(whole.subarray(0, whole.length - 40)), { code: 'InvalidChart' });
  const zeros = 'a'.repeat(4 * 2 ** 20);
  const bomb = await tgz(...Array.from({ length: 30 }, (_, n) => ({ name: `app/${n}`, text: zeros })));
  assert.ok(bomb.length < 2 ** 20);
  await assert.rejects(
    readChartArchive(bomb, () => false),
    { code: 'TooLarge', message: /unpacks to more than/ },
  );
  await assert.rejects(readChartArchive(Buffer.alloc(10 * 2 ** 20 + 1)), { code: 'TooLarge' });
});

test('the same files make the same archive, in whatever order they come', async () => {
  const files = {
    'values.yaml': 'a: 1\n',
    'Chart.yaml': 'name: app\n',
    'templates/a-b.yaml': '1',
    'templates/a/b.yaml': '2',
  };
  const write = async (entries: [string, string][], name: string) => {
    const file = join(dir, name);
    await writeChartArchive('app', new Map(entries.map(([path, text]) => [path, Buffer.from(text)])), file);
    return readFileSync(file);
  };
  const one = await write(Object.entries(files), 'one.tgz');
  assert.deepEqual(await write(Object.entries(files).reverse(), 'two.tgz'), one);
  const read = await readChartArchive(one);
  assert.deepEqual(Object.fromEntries([...read].map(([path, bytes]) => [path, bytes.toString()])), files);
});
