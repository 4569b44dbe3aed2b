import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { addDependencies } from './dependencies.ts';

const root = mkdtempSync(join(tmpdir(), 'sluice-dependencies-'));
after(() => rmSync(root, { recursive: true, force: true }));
mkdirSync(join(root, 'lib'));
writeFileSync(join(root, 'lib/Chart.yaml'), 'name: lib\nversion: 1.2.3\n');

/** Adds to a chart in `app` what it lists; the names of its files then. */
async function add(dependencies: string, more: Record<string, string> = {}): Promise<string[]> {
  const texts = { 'Chart.yaml': `name: app\nversion: 1.0.0\ndependencies: [${dependencies}]\n`, ...more };
  const files = new Map(Object.entries(texts).map(([path, text]) => [path, Buffer.from(text)]));
  const open = () => Promise.reject(new Error('no repository is there'));
  await addDependencies(files, { root, path: 'app', open });
  return [...files.keys()].filter(path => path.startsWith('charts/')).sort();
}

test('charts of the source are added unless they are there, under their alias, as the lock file says', async () => {
  assert.deepEqual(await add('{name: lib, version: ^1, repository: "file://../lib"}'), ['charts/lib/Chart.yaml']);
  const aliased = '{name: lib, version: ^1, repository: "file://../lib", alias: other}';
  assert.deepEqual(await add(aliased), ['charts/other/Chart.yaml']);
  const vendored = { 'charts/lib/Chart.yaml': 'name: lib\nversion: 1.0.0\n' };
  assert.deepEqual(await add('{name: lib, version: ^1, repository: "https://example.com"}', vendored), [
    'charts/lib/Chart.yaml',
  ]);
  const lock = { 'Chart.lock': 'dependencies: [{name: lib, version: 1.2.3, repository: "file://../lib"}]\n' };
  assert.deepEqual(await add('{name: lib, version: ^9, repository: "https://example.com"}', lock), [
    'charts/lib/Chart.yaml',
  ]);
});

const bad: [string, string, RegExp][] = [
  [
    'another version',
    '{name: lib, version: ^2, repository: "file://../lib"}',
    /local dependency 'lib': can't get a valid version for constraint '\^2'/,
  ],
  ['no range', '{name: lib, version: new, repository: "file://../lib"}', /"new" is not a version range/],
  ['a path that leads out', '{name: lib, version: ^1, repository: "file://../../../etc"}', /no chart found at '\/etc'/],
  ['a chart that should be bundled', '{name: lib, version: ^1}', /no chart found at '\/app\/charts\/lib'/],
  [
    'the name of a repository',
    '{name: lib, version: ^1, repository: "@stable"}',
    /aliased repository dependency is not supported/,
  ],
  ['no address', '{name: lib, version: ^1, repository: "ftp://x"}', /invalid dependency repository URL: ftp:\/\/x/],
  [
    'a repository that is not there',
    '{name: lib, version: ^1, repository: "https://x"}',
    /remote dependency 'lib': no repository is there/,
  ],
];
for (const [name, dependency, message] of bad)
  test(`no dependency: ${name}`, () => assert.rejects(add(dependency), message));
