import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, test } from 'node:test';
import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { startSigners } from '../programs/signers.ts';
import { artifactFiles } from '../scenario/artifact-files.ts';
import { gitRepository, secret, yaml } from '../scenario/manifests.ts';
import { conditionOf, startWorld, until } from '../scenario/world.ts';

const world = await startWorld();
const { git } = world;
const ns = 'source-verify';
await world.namespace(ns);
const signers = startSigners();
after(() => signers.close());

/** Authors of the team, and one who is not. */
const [pgp, ssh, stranger] = [await signers.pgp(), await signers.ssh(), await signers.ssh()];
await world.apply(
  yaml(
    secret(ns, 'keys', { 'a.asc': pgp.publicKey, 'b.sshpub': ssh.publicKey }),
    secret(ns, 'only-pgp', { ring: pgp.publicKey }),
    secret(ns, 'empty', {}),
    secret(ns, 'malformed', { 'a.asc': 'no key', 'b.sshpub': 'ssh-ed25519 AAAA' }),
  ),
);

const verify = (mode: string, name = 'keys') => ({ verify: { mode, secretRef: { name } } });
const verified = (name: string) => world.condition('GitRepository', ns, name, 'SourceVerified', 'True', 'Succeeded');
const refused = (name: string, reason: string) =>
  world.condition('GitRepository', ns, name, 'SourceVerified', 'False', reason);
const again = (name: string) =>
  world.cluster.patch({ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository' }, ns, name, {
    type: 'merge',
    body: { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': String(Date.now()) } } },
  });

test('commits of trusted authors, by PGP or SSH, become artifacts; the last one stays when a stranger signs', async () => {
  const repo = await createRepository(world.repositories, 'head.git', { 'a.txt': '1' });
  const byPgp = await signers.commit(repo, pgp);
  await world.apply(yaml(gitRepository(ns, 'head', `${git.url}/head.git`, verify('head'))));
  const first = await verified('head');
  assert.equal(
    conditionOf(first, 'SourceVerified')?.message,
    `verified signature of\n\t- commit '${byPgp}' with key '${pgp.name}'`,
  );
  assert.equal(first.status.sourceVerificationMode, 'HEAD');
  assert.equal(first.status.artifact.revision, `main@sha1:${byPgp}`);
  assert.equal(conditionOf(first, 'Ready')?.status, 'True');

  await commitFiles(repo, { 'a.txt': '2' });
  const bySsh = await signers.commit(repo, ssh);
  await again('head');
  const second = await until('the next commit', async () => {
    const found = await world.get('GitRepository', ns, 'head');
    return found?.status.artifact.revision === `main@sha1:${bySsh}` ? found : undefined;
  });
  assert.match(conditionOf(second, 'SourceVerified')!.message, new RegExp(`key '${ssh.name.replace(/[+/]/g, '.')}'`));
  assert.equal((await artifactFiles(second.status.artifact))['a.txt'], '2');

  const byStranger = await signers.commit(repo, stranger);
  await again('head');
  const third = await refused('head', 'InvalidCommitSignature');
  const message = conditionOf(third, 'SourceVerified')!.message;
  assert.ok(message.startsWith(`signature verification of commit '${byStranger}' failed: `), message);
  assert.deepEqual(conditionOf(third, 'Ready')?.reason, 'InvalidCommitSignature');
  assert.equal(conditionOf(third, 'Ready')?.status, 'False');
  assert.equal(third.status.artifact.revision, `main@sha1:${bySsh}`, 'the last verified artifact stays');
  assert.equal(third.status.artifact.digest, second.status.artifact.digest);
  assert.ok(conditionOf(third, 'Reconciling'), 'it is tried again');
  await until('the Event', async () => {
    const { items } = await world.cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
    return items.some(event => event.involvedObject.name === 'head' && event.reason === 'InvalidCommitSignature');
  });

  // What is not asked for any more is not told of any more.
  await world.apply(yaml(gitRepository(ns, 'head', `${git.url}/head.git`)));
  const without = await until('the stranger is welcome', async () => {
    const found = await world.get('GitRepository', ns, 'head');
    return found?.status.artifact.revision === `main@sha1:${byStranger}` ? found : undefined;
  });
  assert.equal(conditionOf(without, 'SourceVerified'), undefined);
  assert.equal(without.status.sourceVerificationMode, undefined);
});

test('tags are verified, and their commits with them', async () => {
  const repo = await createRepository(world.repositories, 'tags.git', { 'a.txt': '1' });
  const url = `${git.url}/tags.git`;
  const plain = await commitFiles(repo, { 'a.txt': '2' }, { tag: '1.0.0' });
  const byPgp = await signers.tag(repo, pgp, 'v1.1.0', plain);
  const signed = await signers.commit(repo, ssh);
  const bySsh = await signers.tag(repo, ssh, 'v1.2.0', signed);
  const byStranger = await signers.tag(repo, stranger, 'v1.3.0', signed);
  await world.apply(
    yaml(
      gitRepository(ns, 'tag', url, { ref: { tag: 'v1.1.0' }, ...verify('Tag') }),
      gitRepository(ns, 'range', url, { ref: { semver: '<1.2.0' }, ...verify('Tag', 'only-pgp') }),
      gitRepository(ns, 'name', url, { ref: { name: 'refs/tags/v1.2.0' }, ...verify('TagAndHEAD') }),
      gitRepository(ns, 'tag-only', url, { ref: { tag: 'v1.1.0' }, ...verify('TagAndHEAD') }),
      gitRepository(ns, 'tag-stranger', url, { ref: { tag: 'v1.3.0' }, ...verify('Tag') }),
      gitRepository(ns, 'lightweight', url, { ref: { tag: '1.0.0' }, ...verify('Tag') }),
      gitRepository(ns, 'branch', url, verify('TagAndHEAD')),
    ),
  );
  const told = async (name: string) => conditionOf(await verified(name), 'SourceVerified')!.message;
  assert.equal(await told('tag'), `verified signature of\n\t- tag 'v1.1.0@${byPgp}' with key '${pgp.name}'`);
  assert.equal(await told('range'), `verified signature of\n\t- tag 'v1.1.0@${byPgp}' with key '${pgp.name}'`);
  assert.equal(
    await told('name'),
    `verified signature of\n\t- tag 'v1.2.0@${bySsh}' with key '${ssh.name}'\n\t- commit '${signed}' with key '${ssh.name}'`,
  );
  assert.equal((await verified('name')).status.sourceVerificationMode, 'TagAndHEAD');
  const refusal = async (name: string, reason: string) =>
    conditionOf(await refused(name, reason), 'SourceVerified')!.message;
  assert.match(await refusal('tag-only', 'InvalidCommitSignature'), new RegExp(`commit '${plain}' failed: .*empty`));
  assert.match(await refusal('tag-stranger', 'InvalidTagSignature'), new RegExp(`tag 'v1.3.0@${byStranger}' failed`));
  assert.equal(
    await refusal('lightweight', 'InvalidGitObject'),
    "cannot verify signature of tag '1.0.0' since it is not signed",
  );
  assert.equal(
    await refusal('branch', 'InvalidVerificationMode'),
    "cannot verify tag object's signature if a tag reference is not specified",
  );
  const stalled = await world.get('GitRepository', ns, 'branch');
  assert.equal(conditionOf(stalled, 'Stalled')?.reason, 'InvalidVerificationMode');

  // A tag that moves is news; and so is one that was given another name by someone who can push but not sign.
  await signers.tag(repo, pgp, 'v1.1.0', signed);
  await again('tag');
  await until('the tag has moved', async () => {
    const found = await world.get('GitRepository', ns, 'tag');
    return found?.status.artifact.revision === `v1.1.0@sha1:${signed}` && conditionOf(found, 'SourceVerified');
  });
  await commitFiles(repo, {}, { tag: 'v9.0.0', branch: 'other' });
  execFileSync('git', ['--git-dir', repo, 'update-ref', 'refs/tags/v9.0.0', byPgp]);
  await world.apply(yaml(gitRepository(ns, 'renamed', url, { ref: { semver: '*' }, ...verify('Tag') })));
  assert.match(await refusal('renamed', 'InvalidTagSignature'), /signed as tag 'v1.1.0', not as 'v9.0.0'/);
});

test('keys that are missing or malformed are named, and a later mode asks for a verification of what is there', async () => {
  const repo = await createRepository(world.repositories, 'keys.git', { 'a.txt': '1' });
  const url = `${git.url}/keys.git`;
  const commit = await signers.commit(repo, ssh);
  await signers.tag(repo, pgp, 'v1', commit);
  const ref = { ref: { tag: 'v1' } };
  await world.apply(
    yaml(
      gitRepository(ns, 'no-secret', url, verify('HEAD', 'absent')),
      gitRepository(ns, 'no-keys', url, verify('HEAD', 'empty')),
      gitRepository(ns, 'no-ssh-key', url, verify('HEAD', 'only-pgp')),
      gitRepository(ns, 'bad-ssh-key', url, verify('HEAD', 'malformed')),
      gitRepository(ns, 'bad-pgp-key', url, { ...ref, ...verify('Tag', 'malformed') }),
      gitRepository(ns, 'modes', url, ref),
    ),
  );
  const told = async (name: string, reason: string) =>
    conditionOf(await refused(name, reason), 'SourceVerified')!.message;
  assert.match(await told('no-secret', 'VerificationError'), /^public keys secret error: .*"absent" not found/);
  assert.match(await told('no-keys', 'InvalidCommitSignature'), /no SSH public keys found/);
  assert.match(await told('no-ssh-key', 'InvalidCommitSignature'), /no SSH public keys found.*\.sshpub/);
  assert.match(await told('bad-ssh-key', 'InvalidCommitSignature'), /unable to parse authorized keys/);
  assert.match(await told('bad-pgp-key', 'InvalidTagSignature'), /unable to read armored key ring/);

  const before = await world.condition('GitRepository', ns, 'modes', 'Ready', 'True');
  assert.equal(conditionOf(before, 'SourceVerified'), undefined);
  for (const mode of ['HEAD', 'Tag', 'TagAndHEAD']) {
    await world.apply(yaml(gitRepository(ns, 'modes', url, { ...ref, ...verify(mode) })));
    const now = await until(`mode ${mode} is observed`, async () => {
      const found = await world.get('GitRepository', ns, 'modes');
      return found?.status.sourceVerificationMode === mode ? found : undefined;
    });
    assert.equal(conditionOf(now, 'SourceVerified')?.status, 'True');
    assert.equal(now.status.artifact.digest, before.status.artifact.digest);
  }
  // The Secret is mended, and nothing else has to be done.
  await world.apply(yaml(secret(ns, 'only-pgp', { ring: pgp.publicKey, 'b.sshpub': ssh.publicKey })));
  await verified('no-ssh-key');
});

test('a branch that was force-pushed, and a tag that moved, are followed', async () => {
  const repo = await createRepository(world.repositories, 'moved.git', { 'a.txt': '1' });
  const before = await commitFiles(repo, { 'a.txt': '2' }, { tag: 'v1' });
  const url = `${git.url}/moved.git`;
  await world.apply(yaml(gitRepository(ns, 'pushed', url), gitRepository(ns, 'moved', url, { ref: { tag: 'v1' } })));
  const old = await world.condition('GitRepository', ns, 'moved', 'Ready', 'True');
  await world.condition('GitRepository', ns, 'pushed', 'Ready', 'True');
  assert.equal(old.status.artifact.revision, `v1@sha1:${before}`);
  const other = await commitFiles(repo, { 'b.txt': '3' }, { orphan: true, tag: 'v1' });
  for (const [name, ref] of [
    ['pushed', 'main'],
    ['moved', 'v1'],
  ] as const) {
    await again(name);
    const { artifact } = await until('the new revision', async () => {
      const found = await world.get('GitRepository', ns, name);
      return found?.status.artifact.revision === `${ref}@sha1:${other}` ? found.status : undefined;
    });
    assert.deepEqual(await artifactFiles(artifact), { 'b.txt': '3' });
  }
});
