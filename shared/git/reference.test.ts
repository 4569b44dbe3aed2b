import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GitReference, type Resolved, refPrefixes, resolveReference } from './reference.ts';
import type { RemoteRef, RemoteRefs } from './refs.ts';

const oid = (digit: string) => digit.repeat(40);
const list: RemoteRef[] = [
  { name: 'HEAD', oid: oid('1'), target: 'refs/heads/main' },
  { name: 'refs/heads/main', oid: oid('1') },
  { name: 'refs/heads/master', oid: oid('2') },
  { name: 'refs/heads/feature/a', oid: oid('3') },
  { name: 'refs/pull/420/head', oid: oid('4') },
  { name: 'refs/tags/v1.0.0', oid: oid('a'), peeled: oid('5') },
  { name: 'refs/tags/1.1.0', oid: oid('6') },
  { name: 'refs/tags/v1.2.0-rc.1', oid: oid('7') },
  { name: 'refs/tags/v2.0.0+a', oid: oid('8') },
  { name: 'refs/tags/2.0.0+b', oid: oid('9') },
];
const refs: RemoteRefs = { refs: new Map(list.map(ref => [ref.name, ref])), empty: false };
const commit = oid('c');

const table: (Resolved & { ref: GitReference | undefined; prefixes: string[] })[] = [
  {
    ref: undefined,
    oid: oid('2'),
    revision: `master@sha1:${oid('2')}`,
    refName: 'refs/heads/master',
    prefixes: ['refs/heads/master'],
  },
  {
    ref: {},
    oid: oid('2'),
    revision: `master@sha1:${oid('2')}`,
    refName: 'refs/heads/master',
    prefixes: ['refs/heads/master'],
  },
  {
    ref: { branch: 'feature/a' },
    oid: oid('3'),
    revision: `feature/a@sha1:${oid('3')}`,
    refName: 'refs/heads/feature/a',
    prefixes: ['refs/heads/feature/a'],
  },
  {
    ref: { branch: 'main', tag: 'v1.0.0' },
    oid: oid('5'),
    revision: `v1.0.0@sha1:${oid('5')}`,
    refName: 'refs/tags/v1.0.0',
    tagOid: oid('a'),
    prefixes: ['refs/tags/v1.0.0'],
  },
  {
    ref: { tag: 'v1.0.0', semver: '1.x' },
    oid: oid('6'),
    revision: `1.1.0@sha1:${oid('6')}`,
    refName: 'refs/tags/1.1.0',
    prefixes: ['refs/tags/'],
  },
  {
    ref: { semver: '>=1.0.0-0 <2.0.0' },
    oid: oid('7'),
    revision: `v1.2.0-rc.1@sha1:${oid('7')}`,
    refName: 'refs/tags/v1.2.0-rc.1',
    prefixes: ['refs/tags/'],
  },
  {
    ref: { semver: '1.x', name: 'refs/heads/main' },
    oid: oid('1'),
    revision: `refs/heads/main@sha1:${oid('1')}`,
    refName: 'refs/heads/main',
    prefixes: ['refs/heads/main'],
  },
  {
    ref: { name: 'refs/pull/420/head' },
    oid: oid('4'),
    revision: `refs/pull/420/head@sha1:${oid('4')}`,
    refName: 'refs/pull/420/head',
    prefixes: ['refs/pull/420/head'],
  },
  {
    ref: { name: 'refs/tags/v1.0.0' },
    oid: oid('5'),
    revision: `refs/tags/v1.0.0@sha1:${oid('5')}`,
    refName: 'refs/tags/v1.0.0',
    tagOid: oid('a'),
    prefixes: ['refs/tags/v1.0.0'],
  },
  {
    ref: { name: 'refs/tags/v1.0.0^{}' },
    oid: oid('5'),
    revision: `refs/tags/v1.0.0^{}@sha1:${oid('5')}`,
    refName: 'refs/tags/v1.0.0',
    tagOid: oid('a'),
    prefixes: ['refs/tags/v1.0.0'],
  },
  { ref: { name: 'HEAD' }, oid: oid('1'), revision: `HEAD@sha1:${oid('1')}`, refName: 'HEAD', prefixes: ['HEAD'] },
  { ref: { commit }, oid: commit, revision: `sha1:${commit}`, prefixes: [] },
  {
    ref: { commit: commit.toUpperCase(), tag: 'v1.0.0', semver: '1.x' },
    oid: commit,
    revision: `sha1:${commit}`,
    prefixes: [],
  },
  {
    ref: { commit, branch: 'main' },
    oid: commit,
    revision: `main@sha1:${commit}`,
    refName: 'refs/heads/main',
    prefixes: ['refs/heads/main'],
  },
  { ref: { commit, name: 'refs/heads/main' }, oid: commit, revision: `refs/heads/main@sha1:${commit}`, prefixes: [] },
];

test('the last of branch, tag, semver, name, commit counts, and revisions are written as Flux writes them', () => {
  for (const { ref, prefixes, ...expected } of table) {
    assert.deepEqual(resolveReference(refs, ref), expected, JSON.stringify(ref));
    assert.deepEqual(refPrefixes(ref), prefixes, JSON.stringify(ref));
  }
});

test('of equal versions the youngest commit is meant', () => {
  const undecided = resolveReference(refs, { semver: '2.x' });
  assert.deepEqual(undecided.ties?.toSorted(), [oid('8'), oid('9')]);
  const times = (a: number, b: number) =>
    new Map([
      [oid('8'), a],
      [oid('9'), b],
    ]);
  assert.equal(resolveReference(refs, { semver: '2.x' }, times(2, 1)).revision, `v2.0.0+a@sha1:${oid('8')}`);
  assert.equal(resolveReference(refs, { semver: '2.x' }, times(1, 2)).revision, `2.0.0+b@sha1:${oid('9')}`);
});

test('what cannot be resolved says why', () => {
  const cases: [GitReference, string, RegExp][] = [
    [{ branch: 'gone' }, 'ReferenceNotFound', /refs\/heads\/gone/],
    [{ tag: 'gone' }, 'ReferenceNotFound', /refs\/tags\/gone/],
    [{ name: 'main' }, 'ReferenceNotFound', /'main'/],
    [{ semver: '>=9' }, 'ReferenceNotFound', />=9/],
    [{ semver: 'newest' }, 'InvalidReference', /newest/],
    [{ commit: 'abc123' }, 'InvalidReference', /40 hexadecimal/],
    [{ commit, branch: 'gone' }, 'ReferenceNotFound', /gone/],
    [{ name: '/refs/heads/main' }, 'InvalidReference', /not the name/],
    [{ name: 'refs/heads/main/' }, 'InvalidReference', /not the name/],
    [{ branch: 'a b' }, 'InvalidReference', /not the name/],
    [{ branch: 'a\nref-prefix refs/' }, 'InvalidReference', /not the name/],
    [{ branch: '../x' }, 'InvalidReference', /not the name/],
  ];
  for (const [ref, code, message] of cases)
    assert.throws(() => resolveReference(refs, ref), { code, message }, JSON.stringify(ref));
  assert.throws(() => resolveReference({ refs: new Map(), empty: true }, { branch: 'main' }), {
    code: 'EmptyRepository',
  });
});
