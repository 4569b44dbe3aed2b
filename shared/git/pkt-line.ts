import { GitError } from './errors.ts';

/** Git's framing: four hex digits of length, then the payload; lengths 0 to 2 are marks without payload. */
export type Packet = Buffer | 'flush' | 'delimiter' | 'end';

export const flushPacket = '0000';
export const delimiterPacket = '0001';

/** One packet of text. */
export function packet(text: string): string {
  return (Buffer.byteLength(text) + 4).toString(16).padStart(4, '0') + text;
}

/** Reads an answer's bytes as they come; what was read is not kept. `limit` bounds the whole. */
export class PacketReader {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #limit: number;
  readonly #what: string;
  #buffer: Buffer = Buffer.alloc(0);
  #position = 0;
  #total = 0;
  #ended = false;

  constructor(body: AsyncIterable<Buffer>, what: string, limit = Number.POSITIVE_INFINITY) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#what = what;
    this.#limit = limit;
  }

  /** The next packet; undefined at the end of the answer. Its bytes are valid until the next call. */
  async read(): Promise<Packet | undefined> {
    if (!(await this.#fill(4))) {
      if (this.#buffer.length === this.#position) return undefined;
      throw this.#truncated();
    }
    const digits = this.#buffer.toString('latin1', this.#position, this.#position + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new GitError('NotGit', `${this.#what} is not in Git's protocol`);
    this.#position += 4;
    const length = Number.parseInt(digits, 16);
    if (length === 0) return 'flush';
    if (length === 1) return 'delimiter';
    if (length === 2) return 'end';
    if (length === 3) throw new GitError('NotGit', `${this.#what} holds a packet of impossible length`);
    if (!(await this.#fill(length - 4))) throw this.#truncated();
    const payload = this.#buffer.subarray(this.#position, this.#position + length - 4);
    this.#position += length - 4;
    return payload;
  }

  /** What follows, unframed: the pack of a server without side-band. */
  async *rest(): AsyncGenerator<Buffer> {
    if (this.#position < this.#buffer.length) yield this.#buffer.subarray(this.#position);
    this.#position = this.#buffer.length;
    while (!this.#ended) {
      const chunk = await this.#next();
      if (chunk) yield chunk;
    }
  }

  /** Reads the little that may follow an answer's last packet, so that its connection can be used again. */
  async drain(): Promise<void> {
    for (let count = 0; count < 16; count++) if ((await this.read()) === undefined) return;
    await this.close();
  }

  /** Closes the answer early. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#chunks.return?.();
  }

  async #next(): Promise<Buffer | undefined> {
    const { value, done } = await this.#chunks.next();
    if (done) {
      this.#ended = true;
      return undefined;
    }
    this.#total += value.length;
    if (this.#total > this.#limit)
      throw new GitError('TooLarge', `${this.#what} exceeds the limit of ${this.#limit} bytes`);
    return value;
  }

  async #fill(count: number): Promise<boolean> {
    while (this.#buffer.length - this.#position < count) {
      if (this.#ended) return false;
      const chunk = await this.#next();
      if (!chunk) return this.#buffer.length - this.#position >= count;
      this.#buffer =
        this.#position === this.#buffer.length ? chunk : Buffer.concat([this.#buffer.subarray(this.#position), chunk]);
      this.#position = 0;
    }
    return true;
  }

  #truncated(): GitError {
    return new GitError('Corrupt', `${this.#what} ended in the middle of a packet; the connection may have broken`);
  }
}

/** A packet's text without the newline that servers may append. */
export function textOf(payload: Buffer): string {
  const end = payload.at(-1) === 0x0a ? payload.length - 1 : payload.length;
  return payload.toString('utf8', 0, end);
}
