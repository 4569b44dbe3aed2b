import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import type { CopyOperation } from '../../../api/source/artifact-generator.ts';
import { assemble } from './copy.ts';
import { Tree } from './tree.ts';

const scratch = mkdtempSync(join(tmpdir(), 'sluice-copy-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

function tree(files: Record<string, string | Buffer>): Tree {
  const made = new Tree();
  for (const [path, text] of Object.entries(files)) {
    const bytes = Buffer.from(text as string);
    made.put(path, { mode: path.endsWith('.sh') ? 'executable' : 'file', size: bytes.length, read: async () => bytes });
  }
  return made;
}

async function tarball(files: Record<string, string>, type: 'file' | 'link' = 'file'): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, text] of Object.entries(files))
    if (type === 'file') pack.entry({ name }, text);
    else pack.entry({ name, type: 'link', linkname: text });
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}

const source = tree({
  'config.yaml': 'c',
  'run.sh': 's',
  'apps/a.yaml': 'a',
  'apps/b.md': 'b',
  'apps/sub/c.yaml': 'sub',
  'apps/sub/testdata/d.yaml': 'd',
  'apps/[x].yaml': 'x',
  'charts/pod-1.tgz': await tarball({ 'pod/Chart.yaml': 'name: pod', 'pod/values.yaml': 'a: 1' }),
  'charts/notes.txt': 'n',
  'values.yaml': 'a:\n  b: 1\n  c: [1, 2]\nd: keep\n',
});
const other = tree({
  'prod.yaml': 'a:\n  c: [3]\n  e: null\n---\nf: 2\n',
  'apps/a.yaml': 'other',
  'list.yaml': '- 1\n',
});
const sources = new Map([
  ['source', source],
  ['other', other],
]);

type Copy = [from: string, to: string, more?: Partial<CopyOperation>];
const build = (copies: Copy[]) =>
  assemble(
    copies.map(([from, to, more]) => ({ from, to, ...more })),
    { sources, scratch },
  );

const table: [string, Copy[], string[]][] = [
  ['a file to a path', [['@source/config.yaml', '@artifact/apps/app.yaml']], ['apps/app.yaml=c']],
  ['a file into a directory', [['@source/config.yaml', '@artifact/apps/']], ['apps/config.yaml=c']],
  [
    'a file onto a directory that is there',
    [
      ['@source/apps/', '@artifact/'],
      ['@source/config.yaml', '@artifact/apps', { exclude: [] }],
    ],
    [
      'apps/[x].yaml=x',
      'apps/a.yaml=a',
      'apps/b.md=b',
      'apps/config.yaml=c',
      'apps/sub/c.yaml=sub',
      'apps/sub/testdata/d.yaml=d',
    ],
  ],
  [
    'files by a glob',
    [['@source/*.yaml', '@artifact/x/']],
    ['x/config.yaml=c', 'x/values.yaml=a:\n  b: 1\n  c: [1, 2]\nd: keep\n'],
  ],
  [
    'a glob in a directory keeps the path',
    [['@source/apps/*.yaml', '@artifact/x/']],
    ['x/apps/[x].yaml=x', 'x/apps/a.yaml=a'],
  ],
  [
    'a directory as a directory',
    [['@source/apps/sub/', '@artifact/x/']],
    ['x/sub/c.yaml=sub', 'x/sub/testdata/d.yaml=d'],
  ],
  ['the contents of a directory', [['@source/apps/sub/**', '@artifact/x/']], ['x/c.yaml=sub', 'x/testdata/d.yaml=d']],
  [
    'excludes at any depth, by directory, and relative to the fixed part',
    [['@source/apps/**', '@artifact/', { exclude: ['*.md', '**/testdata/**', 'sub/c.yaml', '[[]x].yaml'] }]],
    ['a.yaml=a'],
  ],
  [
    'either of two',
    [['@source/apps/**', '@artifact/', { exclude: ['{sub,nothing}/**', '*.{md,txt}'] }]],
    ['[x].yaml=x', 'a.yaml=a'],
  ],
  [
    'later copies win',
    [
      ['@source/apps/a.yaml', '@artifact/'],
      ['@other/apps/a.yaml', '@artifact/'],
    ],
    ['a.yaml=other'],
  ],
  [
    'a merge as Helm merges values',
    [
      ['@source/values.yaml', '@artifact/'],
      ['@other/prod.yaml', '@artifact/values.yaml', { strategy: 'Merge' }],
    ],
    ['values.yaml=a:\n  b: 1\n  c:\n  - 3\n  e: null\nd: keep\nf: 2\n'],
  ],
  [
    'a merge with nothing is a copy',
    [['@other/prod.yaml', '@artifact/v.yaml', { strategy: 'Merge' }]],
    ['v.yaml=a:\n  c: [3]\n  e: null\n---\nf: 2\n'],
  ],
  [
    'a tarball unpacked',
    [['@source/charts/pod-1.tgz', '@artifact/c/', { strategy: 'Extract' }]],
    ['c/pod/Chart.yaml=name: pod', 'c/pod/values.yaml=a: 1'],
  ],
  [
    'tarballs by a glob, other files passed over',
    [['@source/**', '@artifact/', { strategy: 'Extract' }]],
    ['pod/Chart.yaml=name: pod', 'pod/values.yaml=a: 1'],
  ],
  [
    'the whole source',
    [['@other/', '@artifact/all/']],
    ['all/apps/a.yaml=other', 'all/list.yaml=- 1\n', 'all/prod.yaml=a:\n  c: [3]\n  e: null\n---\nf: 2\n'],
  ],
];
for (const [name, copies, expected] of table)
  test(`copies ${name}`, async () => {
    const found: string[] = [];
    for await (const { path, read } of (await build(copies)).entries()) found.push(`${path}=${await read()}`);
    assert.deepEqual(found, expected);
  });

test('an executable stays one', async () => {
  const made = await build([['@source/run.sh', '@artifact/bin/run.sh']]);
  assert.equal(made.files.get('bin/run.sh')?.mode, 'executable');
});

const links = new Map([['source', tree({ 'evil.tgz': await tarball({ a: '/etc/passwd' }, 'link') })]]);
const refused: [string, Copy[], RegExp, Map<string, Tree>?][] = [
  ['an unknown alias', [['@nobody/a', '@artifact/']], /source alias 'nobody' not found/],
  ['a file that is not there', [['@source/absent.yaml', '@artifact/']], /from '@source\/absent.yaml'.*does not exist/],
  ['a glob without matches', [['@source/*.json', '@artifact/']], /no files match pattern '\*.json' in source 'source'/],
  ['a glob of which all is excluded', [['@source/*.yaml', '@artifact/', { exclude: ['*'] }]], /were excluded/],
  ['a way out of the source', [['@source/../x', '@artifact/']], /does not exist/],
  ['a way out of the artifact', [['@source/config.yaml', '@artifact/../x']], /leaves the root/],
  ['an absolute place', [['@source/config.yaml', '@artifact//etc/x']], /leaves the root/],
  [
    'a file in the place of a directory',
    [
      ['@source/apps/', '@artifact/'],
      ['@source/apps/a.yaml', '@artifact/apps/sub/c.yaml/x'],
    ],
    /is a file/,
  ],
  ['a broken glob', [['@source/[a', '@artifact/']], /cannot be read/],
  ['a broken exclude', [['@source/**', '@artifact/', { exclude: ['{a'] }]], /cannot be read/],
  [
    'a list merged',
    [
      ['@source/values.yaml', '@artifact/'],
      ['@other/list.yaml', '@artifact/values.yaml', { strategy: 'Merge' }],
    ],
    /'list.yaml' holds a document that is no map/,
  ],
  [
    'a directory to extract',
    [['@source/apps', '@artifact/', { strategy: 'Extract' }]],
    /not supported for directories/,
  ],
  ['a text to extract', [['@source/config.yaml', '@artifact/', { strategy: 'Extract' }]], /needs a .tar.gz/],
  ['a tarball with links', [['@source/evil.tgz', '@artifact/', { strategy: 'Extract' }]], /link/, links],
  ['braces that explode', [['@source/**', '@artifact/', { exclude: ['{a,b}'.repeat(12)] }]], /more than 1000/],
];
for (const [name, copies, expected, from] of refused)
  test(`refuses ${name}`, async () => {
    const operations = copies.map(([copyFrom, to, more]) => ({ from: copyFrom, to, ...more }));
    const building = assemble(operations, { sources: from ?? sources, scratch });
    await assert.rejects(building, error => error instanceof Error && expected.test(error.message) && 'code' in error);
  });
