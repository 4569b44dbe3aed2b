import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { workOnCommit } from '../../../../test/fixtures/git-worker.ts';
import type { GitRepository } from '../../../api/source/git-repository.ts';
import { artifactKey } from '../../../artifact/layout.ts';
import { type FileContent, fastImport } from '../../../local/git-repository.ts';
import { commitFiles, createRepository, startGitServer } from '../../../local/git-server.ts';
import { localPorts } from '../../../local/local-ports.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
const servers = [true, false].map(protocol2 => startGitServer({ root: join(dir, 'repositories'), protocol2 }));
const [modern, old] = await Promise.all(servers);
const ports = localPorts({ dir: join(dir, 'state'), publicUrl: 'http://127.0.0.1' });
after(async () => {
  await Promise.all([modern?.close(), old?.close()]);
  ports.close();
  rmSync(dir, { recursive: true });
});

const fetched = (url: string, oid: string, tenant: string, spec: Partial<GitRepository['spec']> = {}) =>
  workOnCommit(ports, url, oid, tenant, spec);

/** The same numbers in every run. */
function randomOf(seed: string) {
  let n = 0;
  const next = (below: number) => createHash('sha256').update(`${seed} ${n++}`).digest().readUInt32BE() % below;
  const bytes = (size: number) =>
    Buffer.concat(
      Array.from({ length: Math.ceil(size / 32) }, () => createHash('sha256').update(`${seed} ${n++}`).digest()),
    ).subarray(0, size);
  return { next, bytes };
}

/** Just large enough for a base to be kept. */
const large = randomOf('large').bytes(2.1 * 2 ** 20);

/** Changes a tree at random; `files` is what it holds. */
function change(random: ReturnType<typeof randomOf>, files: Map<string, FileContent>): Record<string, FileContent> {
  const made: Record<string, FileContent> = {};
  // What was ignored is moved elsewhere by a test of its own.
  const names = () => [...files.keys()].filter(name => !/^[.]|^docs\/|^large/.test(name));
  const any = () => names()[random.next(names().length)] ?? 'first.txt';
  const fresh = () => `dir-${random.next(5)}/sub-${random.next(3)}/file-${random.next(100_000)}.txt`;
  const put = (name: string, content: FileContent) => {
    made[name] = content;
    if (content === undefined) files.delete(name);
    else files.set(name, content);
  };
  const text = () => random.bytes(40 + random.next(4000)).toString('base64');
  const kinds = [
    () => put(fresh(), text()),
    () => put(any(), text()),
    () => put(any(), undefined),
    () => {
      const [from, to] = [any(), fresh()];
      const content = files.get(from);
      put(from, undefined);
      put(to, content ?? text());
    },
    () => put(any(), { content: text(), mode: 'executable' }),
    () => put(`link-${random.next(5)}`, { content: '../somewhere', mode: 'symlink' }),
    () => put(`docs/page-${random.next(4)}.md`, text()),
    () => put('empty.txt', ''),
    () => put('large.bin', Buffer.concat([large, Buffer.from(text())])),
  ];
  for (let count = 1 + random.next(4); count > 0; count--) kinds[random.next(kinds.length)]!();
  return made;
}

for (const [protocol, server] of [
  [2, modern!],
  [0, old!],
] as const)
  test(`protocol ${protocol}: whatever the history, the artifact is that of a whole fetch, and little is sent`, async () => {
    const random = randomOf(`history ${protocol}`);
    const files = new Map<string, FileContent>();
    const first = { 'large.bin': large, '.sourceignore': 'docs/\n', 'first.txt': 'x', 'docs/page-0.md': 'x' };
    for (const [name, content] of Object.entries(first)) files.set(name, content);
    const name = `random-${protocol}.git`;
    const repo = await createRepository(join(dir, 'repositories'), name, first, { branch: 'main' });
    const url = `${server.url}/${name}`;
    let oid = await commitFiles(repo, { 'first.txt': 'y' }, { branch: 'main' });
    files.set('first.txt', 'y');
    await fetched(url, oid, 'steady');
    let sent = 0;
    for (let step = 0; step < 6; step++) {
      oid = await commitFiles(repo, change(random, files), { message: `Step ${step}`, branch: 'main' });
      const [difference, whole] = [await fetched(url, oid, 'steady'), await fetched(url, oid, `new ${step}`)];
      assert.equal(difference.digest, whole.digest, `step ${step}`);
      assert.equal(difference.fellBack, false, `step ${step}`);
      assert.ok(whole.packs[0]! > large.length);
      sent = Math.max(sent, difference.packs[0]!);
    }
    assert.ok(sent < 100_000, `${sent} bytes of ${large.length} were sent`);
  });

/** A repository of which a base is kept already. */
async function withBase(name: string, files: Record<string, FileContent>) {
  const repo = await createRepository(join(dir, 'repositories'), `${name}.git`, files, { branch: 'main' });
  const url = `${modern!.url}/${name}.git`;
  const oid = await commitFiles(repo, { 'a.txt': '1' }, { branch: 'main' });
  const { digest } = await fetched(url, oid, 'steady');
  /** Fetches a commit on the base, and as if there were none. */
  const both = async (at: string, spec?: Partial<GitRepository['spec']>) => {
    const [difference, whole] = [await fetched(url, at, 'steady', spec), await fetched(url, at, at, spec)];
    assert.equal(difference.digest, whole.digest);
    return difference;
  };
  return { repo, url, oid, digest, both };
}

test('a force-pushed branch, a merge and a jump back are differences like others', async () => {
  const { repo, both } = await withBase('forced', { 'large.bin': large });
  const other = await commitFiles(
    repo,
    { 'large.bin': large, 'b.txt': 'b' },
    { message: 'Anew', branch: 'main', orphan: true },
  );
  const forced = await both(other);
  assert.ok(!forced.fellBack && forced.packs[0]! < 10_000, JSON.stringify(forced));
  const side = await commitFiles(repo, { 'c.txt': 'c' }, { message: 'Aside', branch: 'side' });
  const merge = [
    'commit refs/heads/main\nmark :1\ncommitter Sluice <sluice@example.com> 1700000000 +0000\ndata 5\nMerge\n',
    `from ${other}\nmerge ${side}\nM 100644 inline "c.txt"\ndata 1\nc\n\nget-mark :1\ndone\n`,
  ];
  const merged = await both(await fastImport(repo, merge));
  assert.ok(!merged.fellBack && merged.packs[0]! < 10_000, JSON.stringify(merged));
  const back = await both(
    await commitFiles(repo, { 'large.bin': large, 'a.txt': '1' }, { message: 'Back', branch: 'main', orphan: true }),
  );
  assert.ok(!back.fellBack && back.packs[0]! < 10_000, JSON.stringify(back));
});

test('what the artifact does not hold is fetched after all when it is needed', async () => {
  const { repo, both } = await withBase('ignored', {
    'docs/large.bin': large,
    '.sourceignore': 'docs/\n',
    'l.bin': large,
  });
  const moved = await both(
    await commitFiles(
      repo,
      { 'docs/large.bin': undefined, 'kept/large.bin': Buffer.concat([large, large]) },
      { branch: 'main' },
    ),
  );
  assert.equal(moved.fellBack, false, 'sent as new, whole or against what we have');
  const ignored = await commitFiles(repo, { 'docs/other.bin': randomOf('other').bytes(200_000) }, { branch: 'main' });
  assert.equal((await both(ignored)).fellBack, false, 'nobody needs it');
  const unignored = await both(await commitFiles(repo, { '.sourceignore': '# nothing\n' }, { branch: 'main' }));
  assert.equal(unignored.fellBack, true);
  assert.equal(unignored.packs.length, 2);
  assert.equal((await both(await commitFiles(repo, { 'a.txt': '9' }, { branch: 'main' }))).fellBack, false);
});

test('a .sourceignore that ignores itself does not stand in the way', async () => {
  const files = { 'deploy/large.bin': large, '.sourceignore': '/*\n!/deploy\n' };
  const { repo, both } = await withBase('itself', files);
  const next = await both(await commitFiles(repo, { 'deploy/a.txt': '2' }, { branch: 'main' }));
  assert.ok(!next.fellBack && next.packs[0]! < 10_000, JSON.stringify(next));
});

test('a base that is damaged, cut off or without its artifact is told of and passed over', async () => {
  const { repo, both, digest } = await withBase('damaged', { 'large.bin': large });
  const bases = async () => {
    const keys: string[] = [];
    for await (const { key, lastModified } of ports.store.list('sources/bases/')) keys.push(`${lastModified} ${key}`);
    return keys.sort().map(key => key.split(' ')[1]!);
  };
  await ports.store.delete([artifactKey(digest)]);
  const oid = await commitFiles(repo, { 'a.txt': '2' }, { branch: 'main' });
  assert.equal((await both(oid)).fellBack, true, 'the artifact is gone');
  for (const damage of ['not gzip', '']) {
    for (const key of await bases()) await ports.store.put(key, Buffer.from(damage));
    const next = await commitFiles(repo, { 'a.txt': `3${damage}` }, { branch: 'main' });
    assert.equal((await both(next)).fellBack, true, damage);
  }
});

test('a base serves nobody with other credentials, and no small repository has one', async () => {
  const { repo, url } = await withBase('private', { 'large.bin': large });
  const oid = await commitFiles(repo, { 'a.txt': '2' }, { branch: 'main' });
  assert.ok((await fetched(url, oid, 'another')).packs[0]! > large.length);
  const small = await createRepository(join(dir, 'repositories'), 'small.git', { 'a.txt': '1' }, { branch: 'main' });
  const before = await count();
  await fetched(`${modern!.url}/small.git`, await commitFiles(small, { 'a.txt': '2' }, { branch: 'main' }), 'steady');
  assert.equal(await count(), before);
});

async function count(): Promise<number> {
  let found = 0;
  for await (const _ of ports.store.list('sources/bases/')) found++;
  return found;
}
