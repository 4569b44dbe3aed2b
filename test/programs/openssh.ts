/** OpenSSH's server, as a host of Git repositories; and keys, made by ssh-keygen. */
import { execFile } from 'node:child_process';
import { appendFile, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { debianProgram, type Say } from './install.ts';
import { connects, startServer } from './server-process.ts';

const run = promisify(execFile);

export interface SshServerOptions {
  /** Types of its host keys; ed25519 when absent. */
  hostKeys?: ('ed25519' | 'ecdsa' | 'rsa')[];
  /** Whether it takes GIT_PROTOCOL, without which Git speaks protocol 0; true when absent. */
  protocol2?: boolean;
  /** More lines of sshd_config. */
  config?: string;
}

export interface SshServer {
  port: number;
  /** `ssh://git@127.0.0.1:port`; a repository follows by its absolute path. */
  url: string;
  /** Its public host keys as known_hosts has them. */
  knownHosts: string;
  /** Lets a key in. `options` as in authorized_keys. */
  authorize(publicKey: string, options?: string): Promise<void>;
  /** What was run, oldest first: GIT_PROTOCOL, and the command. */
  commands(): Promise<string[]>;
  /** What it said. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts OpenSSH in `dir`, which must be new. The user `git` may run what `git shell` allows. */
export async function startOpenSsh(dir: string, options: SshServerOptions = {}, say?: Say): Promise<SshServer> {
  await mkdir(dir, { recursive: true });
  const [program, env] = await installed(dir, say);
  const { hostKeys = ['ed25519'], protocol2 = true, config = '' } = options;
  const keys = await Promise.all(hostKeys.map(type => makeKey(dir, `host_${type}`, { type })));
  const ran = join(dir, 'commands');
  const authorized = join(dir, 'authorized_keys');
  const shell = join(dir, 'shell');
  await writeFile(ran, '');
  await writeFile(authorized, '', { mode: 0o600 });
  await writeFile(
    shell,
    `#!/bin/sh\nprintf '%s %s\\n' "$GIT_PROTOCOL" "$SSH_ORIGINAL_COMMAND" >>'${ran}'\nexec git shell -c "$SSH_ORIGINAL_COMMAND"\n`,
  );
  await chmod(shell, 0o755);
  const file = join(dir, 'sshd_config');
  const lines = [
    'ListenAddress 127.0.0.1',
    ...keys.map(({ file }) => `HostKey ${file}`),
    `AuthorizedKeysFile ${authorized}`,
    `ForceCommand ${shell}`,
    // Tests connect faster than people; and their directory may be anybody's.
    'MaxStartups 100',
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    ...(protocol2 ? ['AcceptEnv GIT_PROTOCOL'] : []),
    config,
  ];
  await writeFile(file, lines.join('\n'));
  const log = join(dir, 'sshd.log');
  const server = await startServer({
    name: 'OpenSSH',
    command: program,
    args: port => ['-D', '-e', '-f', file, '-p', String(port)],
    cwd: dir,
    log,
    env,
    probe: connects,
  });
  const host = `[127.0.0.1]:${server.port}`;
  return {
    port: server.port,
    url: `ssh://git@127.0.0.1:${server.port}`,
    knownHosts: keys.map(({ publicKey }) => `${host} ${publicKey}\n`).join(''),
    authorize: (publicKey, options = '') => appendFile(authorized, `${options} ${publicKey}\n`.trimStart()),
    commands: async () => (await readFile(ran, 'utf8')).split('\n').filter(Boolean),
    log: () => readFile(log, 'utf8'),
    stop: server.stop,
  };
}

/** The server's program, and the environment in which it knows a user `git` on any machine: the one who runs it. */
async function installed(dir: string, say?: Say): Promise<[string, Record<string, string>]> {
  const library = async (name: string, file: string) => {
    const place = await debianProgram(name, 'usr/lib', say);
    const { stdout } = await run('find', [place, '-name', file, '-print', '-quit']);
    return stdout.trim();
  };
  const program = await debianProgram('openssh-server', 'usr/sbin/sshd', say);
  const wrap = await library('libwrap0', 'libwrap.so.0');
  const users = await library('libnss-wrapper', 'libnss_wrapper.so');
  const { uid, gid } = userInfo();
  // Its place of Debian's package, which it wants to see when it is run by root.
  if (uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const passwd = `git:x:${uid}:${gid}:git:${dir}:/bin/sh\nsshd:x:65534:65534::/run/sshd:/bin/false\n`;
  await writeFile(join(dir, 'passwd'), passwd);
  await writeFile(join(dir, 'group'), `git:x:${gid}:\n`);
  const env = {
    LD_LIBRARY_PATH: dirname(wrap),
    LD_PRELOAD: users,
    NSS_WRAPPER_PASSWD: join(dir, 'passwd'),
    NSS_WRAPPER_GROUP: join(dir, 'group'),
  };
  return [program, env];
}

export interface KeyOptions {
  type?: 'ed25519' | 'ecdsa' | 'rsa' | 'dsa';
  bits?: number;
  passphrase?: string;
  /** OpenSSH's own form when absent. */
  format?: 'PEM' | 'PKCS8';
}

export interface KeyPair {
  /** Of the private key; the public one lies beside it. */
  file: string;
  privateKey: string;
  /** `type base64`, without a comment. */
  publicKey: string;
}

/** Makes a key pair in `dir`. */
export async function makeKey(dir: string, name: string, options: KeyOptions = {}): Promise<KeyPair> {
  const { type = 'ed25519', bits, passphrase = '', format } = options;
  const file = join(dir, name);
  const keygen = await sshKeygen();
  const size = bits ? ['-b', String(bits)] : [];
  await run(keygen, ['-q', '-t', type, ...size, '-N', passphrase, '-C', name, '-f', file]);
  // ssh-keygen makes some keys in its own form only, but converts them.
  if (format) await run(keygen, ['-q', '-p', '-m', format, '-P', passphrase, '-N', passphrase, '-f', file]);
  const publicKey = (await readFile(`${file}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ');
  return { file, privateKey: await readFile(file, 'utf8'), publicKey };
}

/** The machine's own ssh-keygen, or Debian's. */
export async function sshKeygen(): Promise<string> {
  try {
    await run('sh', ['-c', 'command -v ssh-keygen']);
    return 'ssh-keygen';
  } catch {
    return debianProgram('openssh-client', 'usr/bin/ssh-keygen');
  }
}
