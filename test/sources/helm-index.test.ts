import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { readIndex } from '../../shared/charts/index-reader.ts';
import { largeIndex } from '../bench/index-parse.ts';
import { helm } from '../programs/helm.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-helm-index-'));
after(() => rmSync(dir, { recursive: true, force: true }));

test('an index of 50 MB is digested in a heap that could not hold it', async () => {
  const file = join(dir, 'large.yaml');
  writeFileSync(file, largeIndex(49e6));
  const program = fileURLToPath(new URL('../bench/index-parse.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=48', program, 'ours', file]);
  assert.ok(JSON.parse(stdout).mebibytes < 400, stdout);
});

test('what helm writes into an index is read as helm reads it', async () => {
  const place = join(dir, 'charts');
  const notes = {
    'artifacthub.io/changes': '- kind: added\n  description: "x: y"\n- kind: fixed\n',
    plain: 'a: b # c',
    empty: '',
  };
  for (const [name, description] of [
    ['plain', 'A chart'],
    [
      'odd',
      `quotes ' and ", a colon: and # a hash, ${'long '.repeat(60)}\nand a second line\n\n  - name: evil\n    version: 9.9.9`,
    ],
  ] as const) {
    await helm(dir, 'create', name);
    const chart = { apiVersion: 'v2', name, description, version: '1.0.0', appVersion: '1.10', annotations: notes };
    writeFileSync(join(dir, name, 'Chart.yaml'), stringify(chart));
    for (const version of ['0.9.0', '1.0.0', '1.0.0-rc.1+x'])
      await helm(dir, 'package', name, '--version', version, '--destination', place);
  }
  await helm(dir, 'repo', 'index', place, '--url', 'https://example.com/charts');
  const versions = Object.fromEntries(
    (await readIndex(join(place, 'index.yaml'))).map(({ name, json }) => [
      name,
      (JSON.parse(json) as { version: string; urls: string[] }[]).map(({ version, urls }) => `${version} ${urls}`),
    ]),
  );
  const expected = (name: string) =>
    ['1.0.0', '1.0.0-rc.1+x', '0.9.0'].map(version => `${version} https://example.com/charts/${name}-${version}.tgz`);
  assert.deepEqual(versions, { odd: expected('odd'), plain: expected('plain') });
  await helm(dir, 'repo', 'index', place, '--url', 'https://example.com/charts', '--json');
  const json = await readIndex(join(place, 'index.yaml'));
  assert.deepEqual(json.map(({ name, versions }) => [name, versions]).sort(), [
    ['odd', 3],
    ['plain', 3],
  ]);
});
