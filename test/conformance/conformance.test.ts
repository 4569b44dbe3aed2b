import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/**
 * Each table here says, for every heading of a Flux spec, which test shows that Sluice does what it says:
 * `| heading | test file | test name |`, or `| heading | not yet | reason |`. A claim without its test fails.
 */
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const tables = readdirSync(here).filter(file => file.endsWith('.md'));

interface Row {
  heading: string;
  file: string;
  name: string;
}

function rowsOf(table: string): Row[] {
  return readFileSync(join(here, table), 'utf8')
    .split('\n')
    .filter(line => /^\|/.test(line) && !/^\|\s*(Heading|-)/.test(line))
    .map(line => {
      const [heading = '', file = '', name = '', ...rest] = line
        .replace(/^\||\|\s*$/g, '')
        .split(/(?<!\\)\|/)
        .map(cell => cell.trim().replaceAll('\\|', '|'));
      assert.equal(rest.length, 0, `${table}: a row has three cells: ${line}`);
      return { heading, file, name };
    });
}

test('there is a table for every spec that is claimed', () => {
  for (const spec of [
    'gitrepositories',
    'buckets',
    'helmrepositories',
    'helmcharts',
    'externalartifacts',
    'artifactgenerators',
    'kustomizations',
    'receivers',
    'providers',
    'alerts',
    'events',
  ])
    assert.ok(tables.includes(`${spec}.md`), `test/conformance/${spec}.md is missing`);
});

for (const table of tables) {
  test(`${table} names tests that exist`, () => {
    const rows = rowsOf(table);
    assert.ok(rows.length > 3, 'the table has rows');
    for (const { heading, file, name } of rows) {
      assert.ok(heading, `${table}: a row without a heading`);
      assert.ok(name, `${table}: "${heading}" gives neither a test name nor a reason`);
      if (file === 'not yet') continue;
      const path = join(root, file);
      assert.ok(existsSync(path), `${table}: "${heading}" names ${file}, which does not exist`);
      assert.ok(readFileSync(path, 'utf8').includes(name), `${table}: ${file} has no test named "${name}"`);
    }
  });
}
