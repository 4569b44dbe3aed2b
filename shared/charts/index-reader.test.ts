import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { maxOddIndex, readIndex } from './index-reader.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-index-'));
after(() => rmSync(dir, { recursive: true, force: true }));

/** What is read of an index: chart → `version url`. */
async function read(text: string): Promise<Record<string, string[]>> {
  const file = join(dir, 'index.yaml');
  writeFileSync(file, text);
  const charts = await readIndex(file);
  const lines = (json: string) =>
    (JSON.parse(json) as { version: string; urls: string[] }[]).map(({ version, urls }) =>
      [version, ...urls].join(' '),
    );
  return Object.fromEntries(charts.map(({ name, json }) => [name, lines(json)]));
}

const helmStyle = `apiVersion: v1
entries:
  app:
  - annotations:
      artifacthub.io/changes: |
        - version: 9.9.9
          urls:
          - https://evil.example.com/x.tgz
        # not a comment

      category: "a: b # c"
    apiVersion: v2
    created: "2024-05-01T10:11:12.123456789Z"
    dependencies:
    - name: common
      repository: https://example.com
      version: 2.x.x
    description: 'It''s a chart: with a long text that
      goes on # not a comment'
    digest: 0c9a
    name: app
    urls:
    - https://example.com/app-1.0.0.tgz
    - app-1.0.0.tgz
    version: 1.0.0 # a comment
  - apiVersion: v2
    name: app
    urls: ["app-0.9.0.tgz"]
    version: "0.9.0"
  # a comment
  "quoted-name":
    - name: quoted-name
      version: 'v1.2'
      urls:
        - 'a b.tgz'
  empty: []
  nothing:
generated: "2024-05-01T10:11:12Z"
serverInfo: {}
`;
const helmCharts = {
  app: ['1.0.0 https://example.com/app-1.0.0.tgz app-1.0.0.tgz', '0.9.0 app-0.9.0.tgz'],
  'quoted-name': ['v1.2 a b.tgz'],
  empty: [],
  nothing: [],
};

test('an index in blocks, as Helm and others write it, is read without what its texts hold', async () => {
  assert.deepEqual(await read(helmStyle), helmCharts);
  assert.deepEqual(await read(helmStyle.replaceAll('\n', '\r\n')), helmCharts, 'with the ends of lines of Windows');
  assert.deepEqual(await read(`\uFEFF---\n# made by hand\n${helmStyle}`), helmCharts);
});

test('the same index in JSON, in one line or many, in flow style, and with aliases', async () => {
  const index = parse(helmStyle);
  const { empty, nothing, ...full } = helmCharts;
  const known = { ...full, empty: [], nothing: [] };
  delete index.entries.nothing;
  const { nothing: _, ...without } = known;
  assert.deepEqual(await read(JSON.stringify(index)), without);
  assert.deepEqual(await read(JSON.stringify(index, undefined, 2)), without);
  assert.deepEqual(await read(stringify(index, { collectionStyle: 'flow' })), without);
  const aliased = `apiVersion: v1
entries:
  a: &versions
  - &first {name: a, version: 1.0.0, urls: [a.tgz]}
  - <<: *first
    version: 2.0.0
  b: *versions
`;
  assert.deepEqual(await read(aliased), { a: ['1.0.0 a.tgz', '2.0.0 a.tgz'], b: ['1.0.0 a.tgz', '2.0.0 a.tgz'] });
});

test('entries that are no versions of a chart are passed over, as Helm does', async () => {
  const entry = (fields: string) => `  - {${fields}}\n`;
  const text = `apiVersion: v1\nentries:\n  x:\n${[
    'name: x, version: 1.0.0, urls: [a]',
    'name: x, version: one',
    'name: "", version: 1.0.0',
    'name: ../x, version: 1.0.0',
    'name: .., version: 1.0.0',
    'name: x, version: 1.0.1, type: plugin',
    'version: 1.0.2',
  ]
    .map(entry)
    .join('')}`;
  assert.deepEqual(await read(text), { x: ['1.0.0 a'] });
  assert.deepEqual(await read(JSON.stringify(parse(text))), { x: ['1.0.0 a'] });
});

test('names of charts are data, whatever they are', async () => {
  const names = ['__proto__', 'constructor', '../../etc/passwd', 'a b'];
  const text = `apiVersion: v1\nentries:\n${names
    .map(name => `  ${JSON.stringify(name)}:\n  - name: x\n    version: 1.0.0\n`)
    .join('')}`;
  const file = join(dir, 'names.yaml');
  for (const form of [text, `# *\n${text}`, JSON.stringify({ apiVersion: 'v1', entries: {} })])
    writeFileSync(file, form);
  writeFileSync(file, text);
  assert.deepEqual(
    (await readIndex(file)).map(({ name, versions }) => [name, versions]),
    names.map(name => [name, 1]),
  );
  assert.equal(({} as Record<string, unknown>).version, undefined);
});

const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\n${[...'bcdefghi']
  .map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[at]}`).join(', ')}]\n`)
  .join('')}entries: *i\napiVersion: v1\n`;

const bad: [string, string, RegExp][] = [
  ['nothing', '', /empty index\.yaml file/],
  ['a page of HTML', '<!DOCTYPE html>\n<html><body>Sign in</body></html>\n', /no API version|not an index|not YAML/],
  ['a text', 'Not Found', /not an index: the YAML is no mapping/],
  ['a list', '- a\n- b\n', /not an index: the YAML is no mapping/],
  ['bytes', '\u0000\u0001\u0002: [', /no API version|not YAML/],
  ['broken YAML', 'apiVersion: v1\nentries:\n  a: [\n', /not YAML/],
  ['a wrong indentation', 'apiVersion: v1\nentries:\n  a:\n  - name: a\n   version: 1\n', /not YAML/],
  ['no apiVersion', 'entries: {}\n', /no API version specified/],
  ['no apiVersion, in JSON', '{"entries": {}}', /no API version specified/],
  ['JSON that ends early', '{"apiVersion": "v1", "entries": {"a": [', /ends too early/],
  ['JSON that goes on', '{"apiVersion": "v1"} {"entries": {}}', /more after the end/],
  ['a list of JSON within an object', '{"apiVersion": "v1"]', /brackets/],
  ['a chart twice', 'apiVersion: v1\nentries:\n  a: []\n  a: []\n', /line 4: the key "a" is there twice/],
  ['a chart twice, in JSON', '{"apiVersion":"v1","entries":{"a":[],"a":[]}}', /the key "a" is there twice/],
  [
    'a field twice',
    'apiVersion: v1\nentries:\n  a:\n  - name: a\n    name: b\n',
    /line 5: the key "name" is there twice/,
  ],
  ['entries twice', 'apiVersion: v1\nentries: {}\nentries: {}\n', /the key "entries" is there twice/],
  ['aliases that explode', bomb, /Excessive alias count/],
];

for (const [name, text, message] of bad)
  test(`no index: ${name}`, async () => {
    await assert.rejects(read(text), error => {
      assert.equal((error as { code: string }).code, 'InvalidIndex');
      assert.match((error as Error).message, message);
      return true;
    });
  });

test('odd YAML is read only while it is small, and anything only up to 50 MiB', async () => {
  const odd = `apiVersion: v1\nentries:\n  a: &a\n  - {name: a, version: 1.0.0, urls: [x]}\n  b: *a\n`;
  const padding = `x: ${'y'.repeat(1000)}\n`.replace('x', '# x').repeat(maxOddIndex / 1000);
  await assert.rejects(read(odd + padding), { code: 'InvalidIndex', message: /line 3: .*helm repo index/ });
  writeFileSync(join(dir, 'large'), Buffer.alloc(50 * 2 ** 20 + 1, 10));
  await assert.rejects(readIndex(join(dir, 'large')), { code: 'TooLarge' });
});

test('an index is read the same wherever its pieces are cut', async () => {
  const versions = Array.from({ length: 4000 }, (_, n) => `1.0.${n}`);
  const text = `apiVersion: v1\nentries:\n  ä:\n${versions
    .map(
      version =>
        `  - name: ä\n    description: "ü\\n${'é'.repeat(30)}"\n    urls:\n    - ü-${version}.tgz\n    version: ${version}\n`,
    )
    .join('')}`;
  const expected = { ä: versions.map(version => `${version} ü-${version}.tgz`) };
  assert.ok(text.length > 3 * 2 ** 17);
  assert.deepEqual(await read(text), expected);
  assert.deepEqual(await read(JSON.stringify(parse(text))), expected);
});
