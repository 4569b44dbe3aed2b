import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * Which rooms a room may import, beside itself: the arrows of the house. Controllers do not import each other, only the
 * rooms that put parts together (functions, local, cli) may import anything.
 */
const arrows: Record<string, string[]> = {
  'shared/api': [],
  'shared/ports': ['shared/api'],
  'shared/reconcile': ['shared/api', 'shared/ports'],
  'shared/kube': ['shared/api', 'shared/ports', 'shared/reconcile'],
  'shared/network': [],
  'shared/git': ['shared/api', 'shared/ports', 'shared/reconcile', 'shared/network'],
  'shared/oci': ['shared/api', 'shared/ports', 'shared/reconcile', 'shared/network'],
  'shared/cloud': ['shared/api', 'shared/ports', 'shared/reconcile', 'shared/network'],
  'shared/charts': ['shared/api', 'shared/ports', 'shared/reconcile', 'shared/network', 'shared/artifact'],
  'shared/manifests': ['shared/api', 'shared/ports', 'shared/reconcile'],
  'shared/cel': ['shared/reconcile'],
  'shared/artifact': ['shared/api', 'shared/ports', 'shared/reconcile', 'shared/network'],
  'shared/controllers': [
    'shared/api',
    'shared/ports',
    'shared/reconcile',
    'shared/kube',
    'shared/git',
    'shared/oci',
    'shared/cloud',
    'shared/charts',
    'shared/manifests',
    'shared/artifact',
    'shared/network',
    'shared/cel',
  ],
  'shared/sandbox': ['shared/api'],
  'shared/aws': ['shared/api', 'shared/ports', 'shared/reconcile', 'shared/kube'],
  infra: [],
};

/** Packages that only these rooms may import. */
const packageRooms: [RegExp, string[]][] = [
  // infra asks before it deploys; cloud signs in for the sources that users keep on AWS.
  [/^@(aws-sdk|smithy)\//, ['shared/aws', 'shared/cloud', 'infra']],
  [/^aws-cdk-lib/, ['infra']],
  [/^@kubernetes\/client-node/, ['shared/kube']],
];

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'functions', 'shared', 'infra'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter(file => file.endsWith('.ts') && !file.endsWith('.test.ts'));

interface Import {
  from: string;
  to: string;
  /** Erased before anything runs, so it can make no cycle. */
  typeOnly: boolean;
}

const imports: Import[] = files.flatMap(file => {
  const text = readFileSync(join(root, file), 'utf8');
  const found: Import[] = [];
  for (const match of text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/g,
  )) {
    const target = match[2] ?? match[3]!;
    const to = target.startsWith('.') ? normalize(join(dirname(file), target)) : target;
    found.push({ from: file, to, typeOnly: match[1] !== undefined });
  }
  return found;
});

const roomOf = (path: string) => Object.keys(arrows).find(room => path.startsWith(`${room}/`));
const controllerOf = (path: string) => /^shared\/controllers\/([^/]+)\//.exec(path)?.[1];

test('arrows between rooms point one way', () => {
  assert.ok(imports.length > 100, 'the imports were found');
  const wrong = imports.filter(({ from, to }) => {
    const room = roomOf(from);
    if (!room || !/^(shared|functions|infra)\//.test(to)) return false;
    const target = roomOf(to) ?? to.split('/').slice(0, 2).join('/');
    return target !== room && !arrows[room]!.includes(target);
  });
  assert.deepEqual(wrong, []);
});

test('controllers meet through objects, never by import', () => {
  const wrong = imports.filter(({ from, to }) => {
    const [a, b] = [controllerOf(from), controllerOf(to)];
    return a && b && a !== b;
  });
  assert.deepEqual(wrong, []);
});

test('packages with one home stay there', () => {
  const wrong = imports.filter(({ from, to }) =>
    packageRooms.some(([name, rooms]) => name.test(to) && !rooms.some(room => from.startsWith(`${room}/`))),
  );
  assert.deepEqual(wrong, []);
});

test('no cycles between files', () => {
  const graph = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports)
    if (!typeOnly && to.endsWith('.ts')) graph.set(from, [...(graph.get(from) ?? []), to]);
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (file: string, path: string[]) => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    state.set(file, 'open');
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    state.set(file, 'done');
  };
  for (const file of graph.keys()) visit(file, []);
  assert.deepEqual(cycles, []);
});

test('files stay readable: no source file over 400 lines', () => {
  const long = files.filter(file => readFileSync(join(root, file), 'utf8').split('\n').length > 401);
  assert.deepEqual(long, []);
});

test('only config.ts and the command lines read the environment', () => {
  const readers = files.filter(
    file =>
      /process\.env/.test(readFileSync(join(root, file), 'utf8')) &&
      !/^functions\/.*config\.ts$|^functions\/ports-(local|aws)\.ts$|^(shared\/(cli|local)|infra)\//.test(file),
  );
  assert.deepEqual(readers, []);
});

test('zod is imported as a namespace: by name, one file would put all of it into every bundle', () => {
  const byName = files.filter(file =>
    /import (type )?\{[^}]*\} from 'zod'/.test(readFileSync(join(root, file), 'utf8')),
  );
  assert.deepEqual(byName, []);
});

test('nothing is called utils, helpers or common', () => {
  assert.deepEqual(
    files.filter(file => /(^|\/)(utils?|helpers?|common|misc)(\.ts|\/)/.test(file)),
    [],
  );
});
