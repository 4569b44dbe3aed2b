import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commitFiles, createRepository, startGitServer } from '../../shared/local/git-server.ts';
import { artifactFiles } from './artifact-files.ts';
import { selfSigned } from './certificate.ts';
import { gitRepository, secret, yaml } from './manifests.ts';
import { conditionOf, startWorld, until } from './world.ts';

const world = await startWorld();
const { git } = world;
const ns = 'sources';
await world.namespace(ns);

const ready = (name: string) => world.condition('GitRepository', ns, name, 'Ready', 'True', 'Succeeded');

test('branch, tag, semver, name and commit each give the revision that Flux writes', async () => {
  const repo = await createRepository(world.repositories, 'refs.git', { 'a.txt': '1' }, { branch: 'main' });
  const one = await commitFiles(repo, { 'a.txt': '1.0.0' }, { message: 'One', branch: 'main', tag: 'v1.0.0' });
  const two = await commitFiles(repo, { 'a.txt': '1.2.0' }, { message: 'Two', branch: 'main', tag: 'v1.2.0' });
  const next = await commitFiles(
    repo,
    { 'a.txt': '2.0.0-rc.1' },
    { message: 'Next', branch: 'next', tag: 'v2.0.0-rc.1' },
  );
  const url = `${git.url}/refs.git`;
  const cases: [string, Record<string, string>, string, string][] = [
    ['branch', { branch: 'main' }, `main@sha1:${two}`, '1.2.0'],
    ['tag', { tag: 'v1.0.0' }, `v1.0.0@sha1:${one}`, '1.0.0'],
    ['semver', { semver: '>=1.0.0 <2.0.0' }, `v1.2.0@sha1:${two}`, '1.2.0'],
    ['prerelease', { semver: '>=2.0.0-0' }, `v2.0.0-rc.1@sha1:${next}`, '2.0.0-rc.1'],
    ['name', { name: 'refs/heads/next' }, `refs/heads/next@sha1:${next}`, '2.0.0-rc.1'],
    ['commit', { commit: one, branch: 'main' }, `main@sha1:${one}`, '1.0.0'],
    ['commit-only', { commit: one }, `sha1:${one}`, '1.0.0'],
  ];
  await world.apply(yaml(...cases.map(([name, ref]) => gitRepository(ns, name, url, { ref }))));
  for (const [name, , revision, content] of cases) {
    const { artifact } = (await ready(name)).status;
    assert.equal(artifact.revision, revision, name);
    assert.equal((await artifactFiles(artifact))['a.txt'], content, name);
  }
});

test('the artifact leaves out what .sourceignore, spec.ignore and the default excludes name', async () => {
  await createRepository(
    world.repositories,
    'ignore.git',
    {
      'deploy/app.yaml': 'a: 1',
      'deploy/notes.md': 'x',
      'docs/guide.md': 'x',
      '.github/workflows/ci.yml': 'x',
      'logo.png': 'x',
      'secret.env': 'x',
      'sub/.sourceignore': '*.txt\n!keep.txt\n',
      'sub/drop.txt': 'x',
      'sub/keep.txt': 'x',
      '.sourceignore': '/docs\n*.env\n',
    },
    { branch: 'main' },
  );
  const plain = {
    'app.yaml': 'a: 1',
    'logo.png': 'x',
    '.github/workflows/ci.yml': 'x',
    'd/.goreleaser.yml': 'x',
    '.gitignore': 'x',
  };
  await createRepository(world.repositories, 'plain.git', plain, { branch: 'main' });
  await world.apply(yaml(gitRepository(ns, 'plain', `${git.url}/plain.git`)));
  const url = `${git.url}/ignore.git`;
  await world.apply(
    yaml(gitRepository(ns, 'files', url), gitRepository(ns, 'spec', url, { ignore: '/*\n!/deploy\n*.md\n' })),
  );
  assert.deepEqual(Object.keys(await artifactFiles((await ready('plain')).status.artifact)), ['app.yaml']);
  // A .sourceignore anywhere takes the place of the default excludes, but for those of version control.
  assert.deepEqual(Object.keys(await artifactFiles((await ready('files')).status.artifact)).sort(), [
    '.github/workflows/ci.yml',
    '.sourceignore',
    'deploy/app.yaml',
    'deploy/notes.md',
    'logo.png',
    'sub/.sourceignore',
    'sub/keep.txt',
  ]);
  assert.deepEqual(Object.keys(await artifactFiles((await ready('spec')).status.artifact)), ['deploy/app.yaml']);
});

test('an unchanged remote costs a listing of refs and no fetch', async () => {
  await createRepository(world.repositories, 'still.git', { 'a.txt': '1' }, { branch: 'main' });
  await world.apply(yaml(gitRepository(ns, 'still', `${git.url}/still.git`)));
  const before = await ready('still');
  const fetches = () => git.requests.filter(r => r.path.includes('still.git') && r.command === 'fetch').length;
  const listings = () => git.requests.filter(r => r.path.includes('still.git') && r.command === 'ls-refs').length;
  const [fetched, listed] = [fetches(), listings()];
  assert.equal(fetched, 1);
  await world.apply(
    yaml({
      ...gitRepository(ns, 'still', `${git.url}/still.git`),
      metadata: { namespace: ns, name: 'still', annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } },
    }),
  );
  await until(
    'the request is handled',
    async () => (await world.get('GitRepository', ns, 'still'))?.status.lastHandledReconcileAt === 'now',
  );
  assert.ok(listings() > listed);
  assert.equal(fetches(), fetched);
  assert.deepEqual((await ready('still')).status.artifact, before.status.artifact);
});

test('basic and bearer credentials, and a private certificate authority', async () => {
  const { key, cert } = await selfSigned();
  const basic = await startGitServer({
    root: world.repositories,
    auth: { username: 'flux', password: 'pässword' },
    tls: { key, cert },
  });
  const bearer = await startGitServer({ root: world.repositories, auth: { bearerToken: 'token-1' } });
  try {
    await createRepository(world.repositories, 'private.git', { 'a.txt': '1' }, { branch: 'main' });
    await world.apply(
      yaml(
        secret(ns, 'basic', { username: 'flux', password: 'pässword', 'ca.crt': cert }),
        secret(ns, 'no-ca', { username: 'flux', password: 'pässword' }),
        secret(ns, 'wrong', { username: 'flux', password: 'wrong', 'ca.crt': cert }),
        secret(ns, 'bearer', { bearerToken: 'token-1' }),
        gitRepository(ns, 'basic', `${basic.url}/private.git`, { secretRef: { name: 'basic' } }),
        gitRepository(ns, 'bearer', `${bearer.url}/private.git`, { secretRef: { name: 'bearer' } }),
        gitRepository(ns, 'wrong', `${basic.url}/private.git`, { secretRef: { name: 'wrong' } }),
        gitRepository(ns, 'no-ca', `${basic.url}/private.git`, { secretRef: { name: 'no-ca' } }),
        gitRepository(ns, 'no-secret', `${basic.url}/private.git`, { secretRef: { name: 'absent' } }),
      ),
    );
    await ready('basic');
    await ready('bearer');
    const wrong = await world.condition('GitRepository', ns, 'wrong', 'Ready', 'False', 'GitOperationFailed');
    assert.match(conditionOf(wrong, 'Ready')!.message, /auth/i);
    assert.doesNotMatch(JSON.stringify(wrong.status), /pässword|wrong:/);
    const noCa = await world.condition('GitRepository', ns, 'no-ca', 'Ready', 'False', 'GitOperationFailed');
    assert.match(conditionOf(noCa, 'Ready')!.message, /certificate/i);
    const noSecret = await world.condition('GitRepository', ns, 'no-secret', 'Ready', 'False', 'AuthenticationFailed');
    assert.match(conditionOf(noSecret, 'Ready')!.message, /absent/);
    assert.doesNotMatch(world.runtime.log(), /pässword|token-1/);
  } finally {
    await Promise.all([basic.close(), bearer.close()]);
  }
});

test('a suspended source does nothing until it is resumed', async () => {
  const repo = await createRepository(world.repositories, 'pause.git', { 'a.txt': '1' }, { branch: 'main' });
  const url = `${git.url}/pause.git`;
  await world.apply(yaml(gitRepository(ns, 'pause', url)));
  const before = (await ready('pause')).status.artifact.revision;
  await world.apply(yaml(gitRepository(ns, 'pause', url, { suspend: true })));
  const sha = await commitFiles(repo, { 'a.txt': '2' }, { message: 'Two', branch: 'main' });
  await world.apply(
    yaml({
      ...gitRepository(ns, 'pause', url, { suspend: true }),
      metadata: { namespace: ns, name: 'pause', annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } },
    }),
  );
  // Something else is reconciled meanwhile: what comes after it shows that the suspended one was passed over.
  await world.apply(yaml(gitRepository(ns, 'pause-other', url)));
  assert.equal((await ready('pause-other')).status.artifact.revision, `main@sha1:${sha}`);
  assert.equal((await world.get('GitRepository', ns, 'pause'))?.status.artifact.revision, before);
  await world.apply(yaml(gitRepository(ns, 'pause', url, { suspend: false })));
  await until(
    'it is resumed',
    async () => (await world.get('GitRepository', ns, 'pause'))?.status.artifact.revision === `main@sha1:${sha}`,
  );
});
