import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArtifactGeneratorSpec } from '../../../api/source/artifact-generator.ts';
import { artifactRequests } from './path-pattern.ts';
import { Tree } from './tree.ts';

function sources(...paths: string[]): Map<string, Tree> {
  const tree = new Tree();
  for (const path of paths) tree.put(path, { mode: 'file', size: 0, read: async () => Buffer.alloc(0) });
  return new Map([['repo', tree]]);
}

function spec(
  pathPattern: string,
  name: string,
  from = '@repo/apps/{app}/**',
  to = '@artifact/',
): ArtifactGeneratorSpec {
  return {
    sources: [{ alias: 'repo', kind: 'GitRepository', name: 'r' }],
    pathPattern,
    artifacts: [{ name, copy: [{ from, to }] }],
  };
}

test('each directory that matches gets an artifact: names and labels in lower case, paths as they are', () => {
  const found = sources('apps/Auth/envs/prod/a', 'apps/web/envs/dev/a', 'apps/web/README', 'other/x/envs/y/z');
  const asked = spec(
    '@repo/apps/{app}/envs/{env}',
    '{app}-{env}',
    '@repo/apps/{app}/envs/{env}/**',
    '@artifact/{app}/',
  );
  assert.deepEqual(
    artifactRequests(asked, found).map(({ name, labels, copy }) => [name, labels, copy[0]]),
    [
      ['auth-prod', { app: 'auth', env: 'prod' }, { from: '@repo/apps/Auth/envs/prod/**', to: '@artifact/Auth/' }],
      ['web-dev', { app: 'web', env: 'dev' }, { from: '@repo/apps/web/envs/dev/**', to: '@artifact/web/' }],
    ],
  );
});

test('without a pattern the artifacts are those of the spec', () => {
  const { pathPattern: _, ...plain } = spec('', 'one');
  assert.deepEqual(
    artifactRequests(plain, sources()).map(({ name, labels }) => [name, labels]),
    [['one', {}]],
  );
});

test('what has a meaning in regular expressions has none in a pattern', () => {
  const found = artifactRequests(spec('@repo/a.b+(c)/{app}', '{app}'), sources('a.b+(c)/x/f', 'aXbb(c)/y/f'));
  assert.deepEqual(
    found.map(({ name }) => name),
    ['x'],
  );
});

const refused: [string, ArtifactGeneratorSpec, string[], RegExp][] = [
  [
    'directories that differ in case alone',
    spec('@repo/apps/{app}', '{app}'),
    ['apps/Auth/a', 'apps/auth/a'],
    /"apps\/Auth" and "apps\/auth" both resolve to artifact name "auth"/,
  ],
  [
    'a hidden directory',
    spec('@repo/apps/{app}', '{app}'),
    ['apps/.hidden/a'],
    /captured value ".hidden" for variable "app" is not a valid Kubernetes label value/,
  ],
  ['a name that is none', spec('@repo/apps/{app}', '{app}_x'), ['apps/a/a'], /rendered artifact name "a_x"/],
  ['an unknown variable', spec('@repo/apps/{app}', '{other}'), ['apps/a/a'], /"other" is not defined by pathPattern/],
  ['a variable twice', spec('@repo/{app}/{app}', '{app}'), ['a/b/c'], /duplicate capture variable "app"/],
  ['an empty variable', spec('@repo/{}', 'x'), ['a/b'], /capture "\{\}"/],
  ['an open brace', spec('@repo/{app', 'x'), ['a/b'], /without a closing one/],
  ['a lone closing brace', spec('@repo/app}', 'x'), ['a/b'], /without an opening one/],
  ['a variable that cannot be a label', spec('@repo/{_app}', 'x'), ['a/b'], /not a valid Kubernetes label key/],
  ['an unknown source', spec('@nobody/{app}', '{app}'), ['a/b'], /source alias nobody/],
];
for (const [name, asked, paths, message] of refused)
  test(`refuses ${name}`, () => {
    assert.throws(() => artifactRequests(asked, sources(...paths)), { code: 'BuildFailed', stalled: true, message });
  });
