import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type ArchiveEntry, writeArchive } from './archive.ts';
import { sourceEntries } from './source-filter.ts';

let dir: string;
before(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'sluice-archive-test-'));
});
after(() => rmSync(dir, { recursive: true, force: true }));

type Content = string | Buffer | { mode: ArchiveEntry['mode']; text: string };

async function* entriesOf(files: Record<string, Content>): AsyncGenerator<ArchiveEntry> {
  const paths = Object.keys(files).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const file of paths) {
    const given = files[file]!;
    const [mode, content] =
      typeof given === 'object' && 'mode' in given ? [given.mode, given.text] : ['file' as const, given];
    const bytes = Buffer.from(content);
    yield { path: file, mode, size: bytes.length, read: async () => bytes };
  }
}

const long = `${'directory/'.repeat(12)}${'n'.repeat(90)}.yaml`;
const longer = `${'d'.repeat(200)}/${'n'.repeat(200)}.yaml`;
const files: Record<string, Content> = {
  'a.txt': 'hello\n',
  'a-b/x': 'x',
  'a/empty': '',
  'bin/run': { mode: 'executable', text: '#!/bin/sh\n' },
  link: { mode: 'symlink', text: 'a.txt' },
  module: { mode: 'submodule', text: '' },
  'ünïcode/日本.yaml': 'x: 1\n',
  block: Buffer.alloc(512, 'b'),
  [long]: 'long',
  [longer]: 'longer',
};

test('tar reads the archive; modes, owners and times are the same everywhere', async () => {
  const file = path.join(dir, 'all.tar.gz');
  const { digest, size } = await writeArchive(entriesOf(files), file);
  const bytes = readFileSync(file);
  assert.equal(size, bytes.length);
  assert.equal(digest, `sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  const env = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' };
  const listing = execFileSync('tar', ['--quoting-style=literal', '--full-time', '-tvzf', file], { env })
    .toString()
    .trim()
    .split('\n');
  const facts = listing
    .map(line => line.replace(/ +/g, ' ').split(' '))
    .map(([mode, owner, bytes, day, time, name]) => ({ mode, owner, bytes, at: `${day} ${time}`, name }));
  assert.ok(facts.every(({ owner, at }) => owner === '0/0' && at === '1970-01-01 00:00:00'));
  const modes = Object.fromEntries(facts.map(({ name, mode }) => [name, mode]));
  assert.equal(modes['a.txt'], '-rw-------');
  assert.equal(modes['bin/run'], '-rwx------');
  assert.equal(modes['bin/'], 'drwxr-x---');
  assert.equal(modes.link, undefined, 'symlinks are left out, as Flux does');
  assert.equal(modes.module, undefined);
  const out = path.join(dir, 'out');
  execFileSync('sh', ['-ec', 'mkdir "$1" && tar -xzf "$0" -C "$1"', file, out]);
  for (const [name, content] of Object.entries(files)) {
    if (typeof content === 'object' && 'mode' in content && content.mode !== 'executable') continue;
    const expected = typeof content === 'object' && 'mode' in content ? content.text : content;
    assert.ok(readFileSync(path.join(out, name)).equals(Buffer.from(expected)), name);
  }
  const directories = facts.filter(({ mode }) => mode?.startsWith('d')).map(({ name }) => name);
  assert.equal(new Set(directories).size, directories.length, 'each directory once');
});

test('the digest is pinned: the same tree has it on every machine', async () => {
  const { digest } = await writeArchive(entriesOf(files), path.join(dir, 'pinned.tar.gz'));
  const again = await writeArchive(entriesOf(files), path.join(dir, 'again.tar.gz'));
  assert.equal(again.digest, digest);
  assert.equal(digest, 'sha256:15b018f9f59cc867fe84c23ce5bc3ff01f6bc8c0319b86027bdbd0851c7fec32');
  const changed = await writeArchive(entriesOf({ ...files, 'a.txt': 'hellO\n' }), path.join(dir, 'changed.tar.gz'));
  assert.notEqual(changed.digest, digest);
});

test('paths that consumers refuse are refused here, and leave no file behind', async () => {
  const file = path.join(dir, 'hostile.tar.gz');
  for (const name of [
    '../x',
    '/etc/passwd',
    'a/../b',
    'a//b',
    './a',
    'a\\b',
    'a\0b',
    'n'.repeat(300),
    `${'d/'.repeat(2100)}x`,
  ]) {
    await assert.rejects(writeArchive(entriesOf({ [name]: 'x' }), file), { code: 'UnsafePath' }, name.slice(0, 20));
    assert.equal(existsSync(file), false);
  }
  async function* unsorted() {
    yield* entriesOf({ b: 'b' });
    yield* entriesOf({ a: 'a' });
  }
  await assert.rejects(writeArchive(unsorted(), file), { code: 'WriteFailed', message: /sorted/ });
  async function* growing(): AsyncGenerator<ArchiveEntry> {
    yield { path: 'a', mode: 'file', size: 1, read: async () => Buffer.from('two') };
  }
  await assert.rejects(writeArchive(growing(), file), { code: 'WriteFailed', message: /3 bytes, 1/ });
});

async function namesOf(tree: Record<string, Content>, filter: Parameters<typeof sourceEntries>[1]): Promise<string[]> {
  const names: string[] = [];
  for await (const { path: name } of sourceEntries({ entries: () => entriesOf(tree) }, filter)) names.push(name);
  return names;
}

test('ignore files of the tree and of the spec decide what goes in', async () => {
  const tree = {
    '.sourceignore': '*.md\n',
    'deploy/.sourceignore': '!keep.md\n',
    'deploy/app.yaml': '',
    'deploy/keep.md': '',
    'README.md': '',
    'a.png': '',
    '.gitignore': '',
    'link/.sourceignore': { mode: 'symlink' as const, text: '*' },
  };
  const kept = [
    '.sourceignore',
    'a.png',
    'deploy/.sourceignore',
    'deploy/app.yaml',
    'deploy/keep.md',
    'link/.sourceignore',
  ];
  assert.deepEqual(await namesOf(tree, {}), kept);
  assert.deepEqual(await namesOf(tree, { specIgnore: '/*\n!/deploy/*.yaml' }), ['deploy/app.yaml']);
  assert.deepEqual(await namesOf({ 'a.png': '', b: '' }, {}), ['b']);
});

test('spec.sparseCheckout takes directories, and says which is not there', async () => {
  const tree = { '.sourceignore': '*', 'charts/a': '', 'charts-old/a': '', 'kustomize/b': '', c: '' };
  assert.deepEqual(await namesOf(tree, { directories: ['./charts/', 'kustomize'] }), ['charts/a', 'kustomize/b']);
  assert.deepEqual(await namesOf({ a: '', 'b/c': '' }, { directories: ['.'] }), ['a', 'b/c']);
  await assert.rejects(namesOf(tree, { directories: ['gone'] }), { code: 'NotFound', message: /"gone"/ });
});
