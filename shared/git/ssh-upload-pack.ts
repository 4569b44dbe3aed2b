import type { ClientChannel } from 'ssh2';
import { foreignText, GitError } from './errors.ts';
import type { SshConnection } from './ssh-connection.ts';

/** A git-upload-pack that runs at the other end of a channel. */
export class UploadPack {
  readonly #channel: ClientChannel;
  readonly #connection: SshConnection;
  readonly #where: string;
  readonly #chunks: AsyncIterator<Buffer>;
  /** How the process ended; undefined when that was not told, as when the connection broke. */
  readonly #ended: Promise<string | undefined>;
  #complaints = '';
  #idle = false;

  constructor(channel: ClientChannel, connection: SshConnection, where: string) {
    this.#channel = channel;
    this.#connection = connection;
    this.#where = where;
    this.#chunks = channel.iterator({ destroyOnReturn: false });
    this.#ended = new Promise(resolve => {
      let how: string | undefined;
      channel.on('exit', (code: number | null, signal?: string) => {
        how = code === null ? `was ended by ${foreignText(signal ?? 'a signal', 20)}` : `ended with exit code ${code}`;
      });
      channel.on('close', () => resolve(how));
    });
    channel.on('error', () => undefined);
    channel.stderr.on('data', (chunk: Buffer) => {
      if (this.#complaints.length < maxComplaints) this.#complaints += chunk.toString('utf8', 0, maxComplaints);
    });
    channel.stderr.on('error', () => undefined);
  }

  /** Whether the last answer was read to its end, and a command may follow. */
  get idle(): boolean {
    return this.#idle;
  }

  send(command: string): void {
    this.#idle = false;
    this.#channel.write(command);
  }

  /** The answer to what was sent: up to the flush packet that ends it, or all there is. Throws GitError. */
  async *answer(until: 'flush' | 'end'): AsyncGenerator<Buffer> {
    const finder = new FlushFinder();
    let whole = false;
    try {
      while (!whole) {
        const chunk = await this.#next();
        if (chunk === undefined) {
          await this.#checkEnd(until);
          return;
        }
        whole = until === 'flush' && finder.ends(chunk);
        // Before the last bytes are handed out: who has them may not come back for more.
        this.#idle = whole;
        yield chunk;
      }
    } finally {
      if (!whole) this.close();
    }
  }

  close(): void {
    // A command of protocol 0 or 2 that is empty: good-bye.
    if (this.#idle) this.#channel.end('0000');
    this.#idle = false;
    this.#channel.close();
    this.#channel.resume();
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      const { value, done } = await this.#chunks.next();
      return done ? undefined : value;
    } catch (cause) {
      throw this.#connection.failure() ?? new GitError('Unreachable', `${this.#where} broke off`, { cause });
    }
  }

  /** The process, or the connection, has ended. */
  async #checkEnd(until: 'flush' | 'end'): Promise<void> {
    const how = await this.#ended;
    const failure = this.#connection.failure();
    if (failure) throw failure;
    if (until === 'end' && how === 'ended with exit code 0') return;
    const said = foreignText(this.#complaints);
    if (/not found|does not exist|does not appear to be a git repository|no such (repository|project)/i.test(said))
      throw new GitError(
        'RepositoryNotFound',
        `${this.#where}: there is no repository, or this key may not see it (“${said}”)`,
      );
    if (how === undefined) throw new GitError('Unreachable', `${this.#where} closed the connection in its answer`);
    throw new GitError('ServerError', `${this.#where}: git-upload-pack ${how}${said ? ` (“${said}”)` : ''}`);
  }
}

/** What of the server's complaints is kept, in characters. */
const maxComplaints = 2000;

/** Follows Git's framing to where an answer ends, without keeping anything of it. */
class FlushFinder {
  #payload = 0;
  #digits = '';

  /** Whether the answer ends in this chunk. */
  ends(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length; ) {
      const skipped = Math.min(this.#payload, chunk.length - at);
      this.#payload -= skipped;
      at += skipped;
      const taken = chunk.toString('latin1', at, at + 4 - this.#digits.length);
      if (!taken) break;
      this.#digits += taken;
      at += taken.length;
      if (this.#digits.length < 4) break;
      // What is not framed is told by its reader.
      const length = /^[0-9a-f]{4}$/i.test(this.#digits) ? Number.parseInt(this.#digits, 16) : Number.POSITIVE_INFINITY;
      this.#digits = '';
      if (length === 0) return true;
      this.#payload = Math.max(length - 4, 0);
    }
    return false;
  }
}
