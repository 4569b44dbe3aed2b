import type { SshAuth } from './auth.ts';
import { foreignText, GitError } from './errors.ts';
import { connectSsh, type SshConnection, type SshTarget } from './ssh-connection.ts';
import { UploadPack } from './ssh-upload-pack.ts';
import type { Answer, Transport, TransportAccess } from './transport.ts';

/** The user of an address that names none: what providers of Git have agreed on. */
const defaultUser = 'git';

/**
 * One repository over SSH: one connection, and on it one git-upload-pack, which answers command after command where it
 * speaks protocol 2. In protocol 0, and after an answer that was given up, the next command is another git-upload-pack's.
 */
export class SshTransport implements Transport {
  readonly display: string;
  readonly #target: SshTarget;
  readonly #auth: SshAuth;
  readonly #access: TransportAccess;
  readonly #command: string;
  #connection: Promise<SshConnection> | undefined;
  /** Waits for a command. */
  #uploadPack: UploadPack | undefined;
  #closed = false;

  /** Throws GitError InvalidUrl or InvalidCredentials. */
  constructor(url: URL, auth: SshAuth | undefined, access: TransportAccess) {
    const { target, path } = parseSshUrl(url);
    this.display = target.display;
    if (!auth)
      throw new GitError(
        'InvalidCredentials',
        `${this.display} needs a Secret with 'identity' and 'known_hosts': set spec.secretRef`,
      );
    this.#target = target;
    this.#auth = auth;
    this.#access = access;
    this.#command = `git-upload-pack ${quoted(path)}`;
  }

  async discover(): Promise<Answer> {
    this.#uploadPack = await this.#start();
    return this.#uploadPack.answer('flush');
  }

  async command(body: string, version: 0 | 1 | 2): Promise<Answer> {
    let uploadPack = this.#uploadPack;
    if (!uploadPack?.idle) {
      uploadPack?.close();
      uploadPack = await this.#start();
      this.#uploadPack = uploadPack;
      // What the server can do is known already.
      for await (const _ of uploadPack.answer('flush'));
    }
    uploadPack.send(body);
    return uploadPack.answer(version === 2 ? 'flush' : 'end');
  }

  close(): void {
    this.#closed = true;
    this.#uploadPack?.close();
    this.#connection?.then(
      connection => connection.close(),
      () => undefined,
    );
  }

  async #start(): Promise<UploadPack> {
    if (this.#closed) throw new GitError('Canceled', `the connection to ${this.display} is closed`);
    this.#connection ??= connectSsh(this.#target, this.#auth, this.#access);
    const connection = await this.#connection;
    const channel = await connection.exec(this.#command, { GIT_PROTOCOL: 'version=2' });
    return new UploadPack(channel, connection, this.display);
  }
}

/** Throws GitError InvalidUrl. */
function parseSshUrl(url: URL): { target: SshTarget; path: string } {
  const invalid = (why: string) => new GitError('InvalidUrl', `spec.url ${why}: write ssh://git@host[:port]/path`);
  let [user, path] = ['', ''];
  try {
    user = decodeURIComponent(url.username);
    path = decodeURIComponent(url.pathname);
  } catch {
    throw invalid('holds a percent sign that escapes nothing');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (!host || /[^a-z0-9._:-]/.test(host)) throw invalid(`names no host that can be connected to`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(user + path)) throw invalid('holds control characters');
  // As git does: a path that begins with a home directory is not meant from the root.
  path = path.replace(/\/+$/, '').replace(/^\/(?=~)/, '');
  if (!path) throw invalid('names no repository');
  const port = url.port ? Number(url.port) : 22;
  const display = `ssh://${foreignText(url.host)}${foreignText(url.pathname)}`;
  return { target: { host, port, user: user || defaultUser, display }, path };
}

/** One word for the shell of the other side, as git writes it. */
function quoted(text: string): string {
  return `'${text.replace(/['!]/g, "'\\$&'")}'`;
}
