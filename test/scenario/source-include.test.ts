import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commitFiles, createRepository, startGitServer } from '../../shared/local/git-server.ts';
import { artifactFiles } from './artifact-files.ts';
import { gitRepository, secret, yaml } from './manifests.ts';
import { conditionOf, startWorld, until } from './world.ts';

const world = await startWorld();
const { git } = world;
const ns = 'source-include';
await world.namespace(ns);

const ready = (name: string) => world.condition('GitRepository', ns, name, 'Ready', 'True', 'Succeeded');
const failed = (name: string, reason: string) => world.condition('GitRepository', ns, name, 'Ready', 'False', reason);
const filesOf = async (name: string) => artifactFiles((await ready(name)).status.artifact);
const include = (name: string, fromPath?: string, toPath?: string) => ({
  repository: { name },
  ...(fromPath === undefined ? {} : { fromPath }),
  ...(toPath === undefined ? {} : { toPath }),
});

test('artifacts of other repositories are laid in, and a change of one makes a new artifact', async () => {
  const lib = await createRepository(world.repositories, 'lib.git', {
    'deploy/app/x.yaml': '1',
    'deploy/app/.sourceignore': 'skipped.yaml\n',
    'deploy/app/skipped.yaml': '1',
    'docs/readme.txt': '1',
  });
  await createRepository(world.repositories, 'main.git', { 'base/a.yaml': 'a', 'base/z.yaml': 'z', 'top.md': 't' });
  const spec = {
    include: [include('lib', 'deploy/app/', './base/lib/'), include('lib', 'docs/readme.txt', 'notes.txt')],
  };
  await world.apply(yaml(gitRepository(ns, 'app', `${git.url}/main.git`, spec)));
  const waiting = await world.condition('GitRepository', ns, 'app', 'IncludeUnavailable', 'True', 'NotFound');
  assert.match(conditionOf(waiting, 'Ready')!.message, /could not get resource for include 'lib'/);
  assert.equal(conditionOf(waiting, 'Ready')?.status, 'False');
  await world.apply(yaml(gitRepository(ns, 'lib', `${git.url}/lib.git`)));

  // Woken by the artifact that it waited for, not by its timer.
  const first = await ready('app');
  assert.equal(conditionOf(first, 'IncludeUnavailable'), undefined);
  assert.deepEqual(await artifactFiles(first.status.artifact), {
    'base/a.yaml': 'a',
    'base/lib/.sourceignore': 'skipped.yaml\n',
    'base/lib/x.yaml': '1',
    'base/z.yaml': 'z',
    'notes.txt': '1',
    'top.md': 't',
  });
  const library = await world.get('GitRepository', ns, 'lib');
  assert.deepEqual(first.status.observedInclude, spec.include);
  assert.deepEqual(first.status.includedArtifacts, [library?.status.artifact, library?.status.artifact]);

  await commitFiles(lib, { 'deploy/app/x.yaml': '2' });
  await world.cluster.patch({ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository' }, ns, 'lib', {
    type: 'merge',
    body: { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } } },
  });
  const second = await until('the include is taken over', async () => {
    const found = await world.get('GitRepository', ns, 'app');
    return found?.status.artifact.digest === first.status.artifact.digest ? undefined : found;
  });
  assert.equal(second.status.artifact.revision, first.status.artifact.revision);
  assert.equal((await artifactFiles(second.status.artifact))['base/lib/x.yaml'], '2');

  await world.apply(yaml(gitRepository(ns, 'app', `${git.url}/main.git`)));
  const without = await until('the include is gone', async () => {
    const found = await world.get('GitRepository', ns, 'app');
    return found?.status.observedInclude === undefined ? found : undefined;
  });
  assert.equal(without.status.includedArtifacts, undefined);
  assert.deepEqual(Object.keys(await artifactFiles(without.status.artifact)), ['base/a.yaml', 'base/z.yaml', 'top.md']);
});

test('an include goes to its own name, stays in the root, and shares it with sparse directories', async () => {
  await createRepository(world.repositories, 'part.git', { 'x/y.txt': 'y', 'z.txt': 'z' });
  await createRepository(world.repositories, 'whole.git', { 'a/1.txt': '1', 'b/2.txt': '2', 'file.txt': 'own' });
  const url = `${git.url}/whole.git`;
  const with_ = (name: string, ...list: ReturnType<typeof include>[]) =>
    gitRepository(ns, name, url, { include: list });
  await world.apply(
    yaml(
      gitRepository(ns, 'part', `${git.url}/part.git`),
      gitRepository(ns, 'no-artifact', `${git.url}/nowhere.git`),
      gitRepository(ns, 'sparse', url, { sparseCheckout: ['./a'], include: [include('part')] }),
      with_('outside', include('part', '../../x', '../../../c')),
      with_('replaced', include('part', 'z.txt', 'file.txt')),
      with_('taken', include('part', '', 'a')),
      with_('root', include('part', '', './')),
      with_('below-file', include('part', '', 'file.txt/c')),
      with_('twice', include('part', 'x', 'c'), include('part', 'x', 'c')),
      with_('absent', include('part', 'no/such')),
      with_('unready', include('no-artifact')),
    ),
  );
  assert.deepEqual(await filesOf('sparse'), { 'a/1.txt': '1', 'part/x/y.txt': 'y', 'part/z.txt': 'z' });
  assert.equal((await filesOf('outside'))['c/y.txt'], 'y');
  assert.equal((await filesOf('replaced'))['file.txt'], 'z');
  const problems: [string, RegExp][] = [
    ['taken', /^failed to copy 'part' include from {2}to a: a is there already, as a directory/],
    ['root', /the root is there already/],
    ['below-file', /file.txt is a file/],
    ['twice', /c is there already/],
    ['absent', /the artifact holds no no\/such/],
  ];
  for (const [name, message] of problems) {
    const object = await failed(name, 'CopyFailure');
    assert.match(conditionOf(object, 'StorageOperationFailed')!.message, message);
    assert.equal(object.status.artifact, undefined);
  }
  const unready = await failed('unready', 'NoArtifact');
  assert.equal(conditionOf(unready, 'IncludeUnavailable')?.message, "no artifact available for include 'no-artifact'");
});

test('includes that lead in a circle stop, instead of making each other anew for ever', async () => {
  await createRepository(world.repositories, 'circle.git', { 'a.txt': 'a' });
  const url = `${git.url}/circle.git`;
  const circle = (name: string, next: string) =>
    gitRepository(ns, name, url, { include: [include(next, 'a.txt', next)] });
  await world.apply(yaml(gitRepository(ns, 'c1', url), gitRepository(ns, 'c2', url), gitRepository(ns, 'c3', url)));
  for (const name of ['c1', 'c2', 'c3']) await ready(name);
  await world.apply(yaml(circle('c1', 'c2'), circle('c2', 'c3')));
  for (const name of ['c1', 'c2']) await ready(name);
  await world.apply(yaml(circle('c3', 'c1'), circle('self', 'self')));
  const stalled = await world.condition('GitRepository', ns, 'c3', 'Stalled', 'True', 'IncludeCycle');
  assert.match(conditionOf(stalled, 'Ready')!.message, /\(c3 → c1 → c2 → c3\)/);
  assert.ok(stalled.status.artifact, 'the last artifact stays');
  const self = await world.condition('GitRepository', ns, 'self', 'Stalled', 'True', 'IncludeCycle');
  assert.match(conditionOf(self, 'IncludeUnavailable')!.message, /\(self → self\)/);
});

const gitmodules = (modules: Record<string, string>) =>
  Object.entries(modules)
    .map(([path, url]) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`)
    .join('');
const tip = async (dir: string, files: Record<string, string>) => commitFiles(dir, files);

test('submodules come with the repository, each at its commit, and those within them', async () => {
  const inner = await createRepository(world.repositories, 'deps/inner.git', { 'i.txt': '1' });
  const innerCommit = await tip(inner, { 'i.txt': '2' });
  await tip(inner, { 'i.txt': '3' });
  const outer = await createRepository(world.repositories, 'deps/outer.git', {});
  const outerCommit = await commitFiles(outer, {
    '.gitmodules': gitmodules({ inner: './../inner.git' }),
    'o.txt': 'o',
    inner: { submodule: innerCommit },
  });
  const root = await createRepository(world.repositories, 'super.git', {
    '.gitmodules': gitmodules({ 'lib/outer': '../deps/outer.git', 'not-there': 'https://example.com/x' }),
    'lib/outer': { submodule: outerCommit },
    'lib/outer-notes.txt': 'n',
    'lib/unnamed': { submodule: outerCommit },
    'a.txt': 'a',
  });
  const url = `${git.url}/super.git`;
  await world.apply(yaml(gitRepository(ns, 'super', url)));
  const plain = await ready('super');
  assert.deepEqual(Object.keys(await artifactFiles(plain.status.artifact)), ['a.txt', 'lib/outer-notes.txt']);
  assert.equal(plain.status.observedRecurseSubmodules, undefined);

  await world.apply(yaml(gitRepository(ns, 'super', url, { recurseSubmodules: true })));
  const recursed = await until('submodules are in it', async () => {
    const found = await world.get('GitRepository', ns, 'super');
    return found?.status.observedRecurseSubmodules ? found : undefined;
  });
  const whole = {
    'a.txt': 'a',
    'lib/outer-notes.txt': 'n',
    'lib/outer/inner/i.txt': '2',
    'lib/outer/o.txt': 'o',
  };
  assert.deepEqual(await artifactFiles(recursed.status.artifact), whole);
  assert.equal(recursed.status.artifact.revision, plain.status.artifact.revision);

  await world.apply(
    yaml(
      gitRepository(ns, 'some', url, { recurseSubmodules: true, sparseCheckout: ['lib/outer/inner'] }),
      gitRepository(ns, 'others', url, { recurseSubmodules: true, include: [include('super', 'lib', 'z')] }),
    ),
  );
  assert.deepEqual(await filesOf('some'), { 'lib/outer/inner/i.txt': '2' });
  assert.equal((await filesOf('others'))['z/outer/inner/i.txt'], '2');

  // What cannot be fetched is named, and the last artifact stays.
  await commitFiles(root, { 'lib/outer': { submodule: '1'.repeat(40) } });
  await world.apply(yaml(gitRepository(ns, 'super', url, { recurseSubmodules: true, ignore: 'nothing' })));
  const broken = await failed('super', 'GitOperationFailed');
  assert.match(conditionOf(broken, 'FetchFailed')!.message, /unable to fetch submodule 'lib\/outer': /);
  assert.equal(broken.status.artifact.digest, recursed.status.artifact.digest);
});

test('what .gitmodules says is not trusted: neither with credentials, nor with addresses, nor with numbers', async () => {
  const auth = { username: 'me', password: 'hunter2' };
  const own = await startGitServer({ root: world.repositories, auth });
  const other = await startGitServer({ root: world.repositories });
  try {
    const dependency = await createRepository(world.repositories, 'dependency.git', { 'd.txt': 'd' });
    const commit = await tip(dependency, { 'd.txt': 'e' });
    const modules = {
      one: '../dependency.git',
      two: `${own.url}/dependency.git`,
      three: `${other.url}/dependency.git`,
    };
    await createRepository(world.repositories, 'private.git', {
      '.gitmodules': gitmodules(modules),
      ...Object.fromEntries(Object.keys(modules).map(path => [path, { submodule: commit }])),
    });
    await world.apply(
      yaml(
        secret(ns, 'login', auth),
        gitRepository(ns, 'private', `${own.url}/private.git`, {
          recurseSubmodules: true,
          secretRef: { name: 'login' },
        }),
      ),
    );
    assert.deepEqual(await filesOf('private'), { 'one/d.txt': 'e', 'three/d.txt': 'e', 'two/d.txt': 'e' });
    assert.ok(other.requests.length > 0);
    assert.ok(
      other.requests.every(request => !request.authorized),
      'the other server was told no credentials',
    );

    const hostile: [string, string, RegExp][] = [
      ['file', 'file:///etc', /submodule 'm' has the address 'file:\/\/\/etc'/],
      ['program', 'ext::sh%20-c', /submodule 'm' has the address/],
      ['above', '../../../../x', /beyond the root of the server/],
    ];
    for (const [name, url, message] of hostile) {
      await createRepository(world.repositories, `${name}.git`, {
        '.gitmodules': gitmodules({ m: url }),
        m: { submodule: commit },
      });
      await world.apply(yaml(gitRepository(ns, name, `${git.url}/${name}.git`, { recurseSubmodules: true })));
      const refused = await failed(name, 'GitOperationFailed');
      assert.match(conditionOf(refused, 'Ready')!.message, message);
      assert.equal(conditionOf(refused, 'Stalled'), undefined, 'whoever pushes may mend it');
    }

    // A repository within itself, at the commit before, and so on: endless to look at, and bounded.
    const bomb = await createRepository(world.repositories, 'bomb.git', { 'x.txt': 'x' });
    let before = await tip(bomb, { 'x.txt': 'y' });
    for (let depth = 0; depth < 12; depth++)
      before = await commitFiles(bomb, {
        '.gitmodules': gitmodules({ again: './' }),
        again: { submodule: before },
      });
    await world.apply(yaml(gitRepository(ns, 'bomb', `${git.url}/bomb.git`, { recurseSubmodules: true })));
    assert.match(conditionOf(await failed('bomb', 'GitOperationFailed'), 'Ready')!.message, /lies in 10 others/);
  } finally {
    await own.close();
    await other.close();
  }
});
