/** Authors who sign commits and tags with Git itself: by GnuPG, or by OpenSSH's ssh-keygen. */
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failure } from './install.ts';

const execute = promisify(execFile);

/** A key that Git signs with. */
export interface SigningKey {
  /** Armored OpenPGP, or a line of authorized_keys. */
  publicKey: string;
  /** The long id of the PGP key, or the fingerprint of the SSH key: as conditions name it. */
  name: string;
  /** Options of git that make it sign with this key. */
  git: string[];
}

export interface Signers {
  /** A PGP key; `algorithm` as for `gpg --quick-gen-key` (rsa2048, ed25519, nistp256, …). */
  pgp(algorithm?: string): Promise<SigningKey>;
  /** An SSH key; `type` and `bits` as for ssh-keygen. */
  ssh(type?: string, bits?: number): Promise<SigningKey>;
  /** A new, signed commit with the tree of the branch's tip and its parents; the branch moves to it. Answers its id. */
  commit(repository: string, key: SigningKey, options?: { branch?: string; message?: string }): Promise<string>;
  /** An annotated, signed tag of a commit. Replaces one of its name. Answers the tag's id. */
  tag(repository: string, key: SigningKey, name: string, target: string): Promise<string>;
  /** A PGP key that was given another end, as `gpg --quick-set-expire` has it: from now on. */
  expire(key: SigningKey, end: string): Promise<SigningKey>;
  /** The certificate that revokes a PGP key. */
  revocation(key: SigningKey): string;
  /** Runs gpg with this home. */
  gpg(args: string[], input?: string): Promise<string>;
  close(): Promise<void>;
}

/** Makes a home for keys of its own. Throws what is missing on the machine. */
export function startSigners(): Signers {
  // Short: the path of gpg-agent's socket may have a hundred characters.
  const home = mkdtempSync(join(tmpdir(), 'sluice-sign-'));
  const gnupg = join(home, 'gnupg');
  mkdirSync(gnupg, { mode: 0o700 });
  const env = { ...process.env, GNUPGHOME: gnupg, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
  const run = async (command: string, args: string[], input?: string) => {
    try {
      const running = execute(command, args, { env, maxBuffer: 1 << 26 });
      // Who does not read it ends before it is written; the exit code tells more.
      running.child.stdin?.on('error', () => undefined).end(input ?? '');
      return (await running).stdout.trim();
    } catch (error) {
      throw failure(command, args, error);
    }
  };
  const batch = ['--batch', '--pinentry-mode', 'loopback', '--passphrase', ''];
  const gpg = (args: string[], input?: string) => run('gpg', [...batch, ...args], input);
  const author = ['-c', 'user.name=Author', '-c', 'user.email=author@example.com'];
  let made = 0;
  return {
    gpg,
    async pgp(algorithm = 'ed25519') {
      const user = `author-${++made}@example.com`;
      await gpg(['--quick-gen-key', user, algorithm, 'sign', 'never']);
      const listed = await gpg(['--with-colons', '--list-keys', user]);
      const name = /^pub:[^:]*:[^:]*:[^:]*:([0-9A-F]{16}):/m.exec(listed)?.[1] ?? '';
      const publicKey = await gpg(['--armor', '--export', user]);
      return { publicKey, name, git: [...author, '-c', `user.signingkey=${name}`] };
    },
    async ssh(type = 'ed25519', bits) {
      const file = join(home, `key-${++made}`);
      await run('ssh-keygen', ['-q', '-t', type, ...(bits ? ['-b', String(bits)] : []), '-N', '', '-f', file]);
      const listed = await run('ssh-keygen', ['-l', '-f', `${file}.pub`]);
      const name = listed.split(' ')[1] ?? '';
      const publicKey = readFileSync(`${file}.pub`, 'utf8');
      return { publicKey, name, git: [...author, '-c', 'gpg.format=ssh', '-c', `user.signingkey=${file}.pub`] };
    },
    async commit(repository, key, { branch = 'main', message = 'Signed' } = {}) {
      const git = (...args: string[]) => run('git', [...key.git, '--git-dir', repository, ...args]);
      const tip = `refs/heads/${branch}`;
      const commit = await git('commit-tree', '-S', '-p', tip, '-m', message, `${tip}^{tree}`);
      await git('update-ref', tip, commit);
      return commit;
    },
    async tag(repository, key, name, target) {
      const git = (...args: string[]) => run('git', [...key.git, '--git-dir', repository, ...args]);
      await git('tag', '--force', '--sign', '-m', `Release ${name}`, name, target);
      return git('rev-parse', `refs/tags/${name}`);
    },
    async expire(key, end) {
      const listed = await gpg(['--with-colons', '--list-keys', key.name]);
      const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(listed)?.[1] ?? '';
      await gpg(['--quick-set-expire', fingerprint, end]);
      return { ...key, publicKey: await gpg(['--armor', '--export', key.name]) };
    },
    revocation(key) {
      const [file] = globSync(`openpgp-revocs.d/*${key.name}.rev`, { cwd: gnupg });
      // Its colon keeps it from being imported by mistake.
      return readFileSync(join(gnupg, file ?? ''), 'utf8').replace(/^:-----/m, '-----');
    },
    async close() {
      await run('gpgconf', ['--kill', 'all']).catch(() => {});
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
