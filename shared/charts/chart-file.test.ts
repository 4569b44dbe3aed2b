import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lockedDependencies, metadataOf, withBuildMetadata, withVersion } from './chart-file.ts';

const files = (texts: Record<string, string>) =>
  new Map(Object.entries(texts).map(([path, text]) => [path, Buffer.from(text)]));
const chart = (text: string) => files({ 'Chart.yaml': text });

test('a chart says its name, version and dependencies, older ones in requirements.yaml', () => {
  const { dependencies, ...metadata } = metadataOf(
    files({
      'Chart.yaml': 'apiVersion: v1\nname: app\nversion: 1.2\n',
      'requirements.yaml': 'dependencies:\n- {name: db, version: 1.x, repository: "file://../db", alias: main}\n',
      'requirements.lock': 'dependencies:\n- {name: db, version: 1.5.0, repository: "file://../db"}\n',
    }),
  );
  assert.deepEqual(metadata, { name: 'app', version: '1.2', type: '' });
  assert.deepEqual(dependencies, [{ name: 'db', version: '1.x', repository: 'file://../db', alias: 'main' }]);
  assert.equal(lockedDependencies(files({})), undefined);
});

const bad: [string, string, RegExp][] = [
  ['no Chart.yaml', '', /no 'Chart\.yaml' found/],
  ['no YAML', 'name: [', /cannot load 'Chart\.yaml'/],
  ['no mapping', '- a', /it holds no mapping/],
  ['no name', 'version: 1.0.0', /chart\.metadata\.name is required/],
  ['a name that is a path', 'name: ../x\nversion: 1.0.0', /chart\.metadata\.name "\.\.\/x" is invalid/],
  ['no version', 'name: x', /chart\.metadata\.version is required/],
  ['a version that is none', 'name: x\nversion: latest', /chart\.metadata\.version "latest" is invalid/],
  ['another type', 'name: x\nversion: 1.0.0\ntype: plugin', /type must be application or library/],
  [
    'an alias that is a path',
    'name: x\nversion: 1.0.0\ndependencies: [{name: a, alias: ../b}]',
    /dependency "a" has disallowed characters in the alias/,
  ],
  [
    'a dependency twice',
    'name: x\nversion: 1.0.0\ndependencies: [{name: a}, {name: a}]',
    /more than one dependency with name or alias "a"/,
  ],
];
for (const [name, text, message] of bad)
  test(`no chart: ${name}`, () => {
    assert.throws(() => metadataOf(text === '' ? files({}) : chart(text)), { code: 'InvalidChart', message });
  });

test('another version is written without touching anything else', () => {
  const text = '# a comment\nname: app\nversion: 1.0.0 # ours\nappVersion: 1.10\nx: [1, 2]\n';
  assert.equal(withVersion(Buffer.from(text), '1.0.0+7').toString(), text.replace('1.0.0', '"1.0.0+7"'));
});

test('build metadata takes the place of what a version had of it', () => {
  assert.equal(withBuildMetadata('v1.2-rc.1+old', 'abc.3'), '1.2.0-rc.1+abc.3');
  assert.equal(withBuildMetadata('1.2.3', '4'), '1.2.3+4');
  assert.throws(() => withBuildMetadata('one', '4'), { code: 'InvalidReference' });
});
