import type { Client, ClientChannel, ParsedKey, PublicKeyAuthMethod, ServerHostKeyAlgorithm } from 'ssh2';
import { foreignText, networkError } from '../network/errors.ts';
import { openSocket } from '../network/socket.ts';
import type { SshAuth } from './auth.ts';
import { GitError, gitError } from './errors.ts';
import { readIdentity } from './ssh-identity.ts';
import { fingerprint, KnownHosts, typeOfKey } from './ssh-known-hosts.ts';
import type { TransportAccess } from './transport.ts';

/** Whom to connect to, and as whom. */
export interface SshTarget {
  host: string;
  port: number;
  user: string;
  /** The repository's address, for messages. */
  display: string;
}

/** A connection that is signed in. */
export interface SshConnection {
  /** Starts a command; a server that takes no such variables starts it without. Throws GitError. */
  exec(command: string, env: Record<string, string>): Promise<ClientChannel>;
  /** Why the connection broke; undefined while it has not. */
  failure(): Error | undefined;
  close(): void;
}

/**
 * Connects and signs in. The server's key must be one that known_hosts holds for it. Throws GitError, or what the signal was
 * aborted with; which also ends the connection.
 */
export async function connectSsh(target: SshTarget, auth: SshAuth, access: TransportAccess): Promise<SshConnection> {
  const knownHosts = new KnownHosts(auth.knownHosts);
  const key = await readIdentity(auth);
  const { display, host, port } = target;
  const { signal } = access;
  const socket = await openSocket(host, port, access).catch(error => {
    throw gitError(error, display);
  });
  // Its small messages would wait for each other's receipt.
  socket.setNoDelay(true);
  const ssh2 = (await import('ssh2')).default;
  const client = new ssh2.Client();
  // What is thrown instead of what the library says of it.
  let refusal: GitError | undefined;
  let failure: Error | undefined;
  const told = (error: Error): Error => {
    if (signal?.aborted) return gitError(networkError(error, display, signal), display);
    if (refusal) return refusal;
    // The library calls a lost connection what it was lost in.
    const lost = socket.readableEnded || socket.destroyed;
    return lost ? closed(error, target) : sshError(error, target, key);
  };
  const abort = () => client.destroy();
  signal?.addEventListener('abort', abort);
  const ready = new Promise<void>((resolve, reject) => {
    const fail = (error: Error) => {
      failure ??= told(error);
      reject(failure);
    };
    client.on('ready', resolve);
    client.on('error', fail);
    client.on('close', () => fail(new Error('the server closed the connection')));
  });
  const hostVerifier = (shown: Buffer) => {
    refusal = refusalOf(knownHosts, target, shown);
    return refusal === undefined;
  };
  const method: PublicKeyAuthMethod = { type: 'publickey', username: target.user, key };
  const close = () => {
    signal?.removeEventListener('abort', abort);
    client.end();
    socket.destroy();
  };
  try {
    client.connect({
      sock: socket,
      username: target.user,
      hostVerifier,
      algorithms: { serverHostKey: preferred(knownHosts.typesOf(host, port)) },
      authHandler: [method],
      // The signal ends what takes too long.
      readyTimeout: 0,
    });
    if (signal?.aborted) abort();
    await ready;
  } catch (error) {
    close();
    throw error instanceof GitError ? error : told(error as Error);
  }
  return { exec: (command, env) => exec(client, command, env, () => failure, display), failure: () => failure, close };
}

function exec(
  client: Client,
  command: string,
  env: Record<string, string>,
  failure: () => Error | undefined,
  display: string,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const broken = () => reject(failure() ?? new GitError('Unreachable', `the connection to ${display} is closed`));
    const refused = (cause: Error) => {
      const message = `${display} does not start git-upload-pack: ${foreignText(cause.message)}`;
      reject(failure() ?? new GitError('ServerError', message, { cause }));
    };
    try {
      if (failure()) return broken();
      client.once('close', broken);
      client.exec(command, { env }, (error, channel) => {
        client.off('close', broken);
        if (error) refused(error);
        else resolve(channel);
      });
    } catch (error) {
      refused(error as Error);
    }
  });
}

/** Algorithms for host keys, best first; of RSA, those with SHA-1 last, as Flux has it. */
const algorithms: ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
];

/**
 * Those of known keys first: a server with several keys then shows one that is known. The others follow, so that a server
 * with none of them shows what key it has, and can be refused by name.
 */
function preferred(types: string[]): ServerHostKeyAlgorithm[] {
  const known = algorithms.filter(name => types.includes(name.startsWith('rsa-') ? 'ssh-rsa' : name));
  return [...known, ...algorithms.filter(name => !known.includes(name))];
}

function refusalOf(knownHosts: KnownHosts, { host, port, display }: SshTarget, key: Buffer): GitError | undefined {
  const verdict = knownHosts.judge(host, port, key);
  if (verdict === 'known') return undefined;
  const server = port === 22 ? host : `[${host}]:${port}`;
  const shown = `${typeOfKey(key)} ${fingerprint(key)}`;
  const fail = (why: string) => new GitError('HostKeyRefused', `${display}: ${why}`);
  if (verdict === 'revoked') return fail(`the host key of ${server} (${shown}) is marked @revoked in 'known_hosts'`);
  if (verdict === 'changed')
    return fail(
      `the host key of ${server} (${shown}) is not the one in 'known_hosts' (which has ${knownHosts.typesOf(host, port).join(', ')}): the server has a new key, or another one answers in its place; correct 'known_hosts' in the Secret only if the server's operator confirms the new key`,
    );
  if (knownHosts.hasAuthority(host, port))
    return fail(
      `'known_hosts' has only an authority for ${server} (@cert-authority), and host certificates are not supported; add the host's own key if ${shown} is it`,
    );
  return fail(`the host key of ${server} (${shown}) is unknown: add it to 'known_hosts' in the Secret if it is right`);
}

function closed(cause: Error, { display, host, port }: SshTarget): GitError {
  const said = foreignText(cause.message);
  return new GitError('Unreachable', `cannot reach ${display}: ${host}:${port} closed the connection (${said})`, {
    cause,
  });
}

/** Turns what the library says into the room's error. */
function sshError(error: Error & { level?: string; code?: unknown }, target: SshTarget, key: ParsedKey): Error {
  const { display, host, port, user } = target;
  const said = foreignText(error.message);
  if (error.level === 'client-authentication')
    return new GitError(
      'AuthenticationFailed',
      `${display}: the server does not let ${foreignText(user, 80)} in with the key ${key.type} ${fingerprint(key.getPublicSSH())} (${said}): add its public key on the server, or correct 'identity' in the Secret; it may also have expired there`,
      { cause: error },
    );
  if (error.level === 'handshake' || error.level === 'protocol')
    return new GitError('NotGit', `${display}: no SSH connection with ${host}:${port}: ${said}`, { cause: error });
  return gitError(networkError(error, `${host}:${port}`), display);
}
