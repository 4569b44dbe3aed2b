import { SignatureError } from './signature-error.ts';

/** A string of SSH's wire format (RFC 4251): its length, then its bytes. */
export function sshString(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Reads SSH's wire format. Throws SignatureError for what ends early, or goes on after its end. */
export class SshReader {
  readonly #data: Buffer;
  readonly #what: string;
  #position = 0;

  constructor(data: Buffer, what: string) {
    this.#data = data;
    this.#what = what;
  }

  bytes(count: number): Buffer {
    if (this.#position + count > this.#data.length) throw new SignatureError(`the ${this.#what} is cut off`);
    this.#position += count;
    return this.#data.subarray(this.#position - count, this.#position);
  }

  uint32(): number {
    return this.bytes(4).readUInt32BE();
  }

  string(): Buffer {
    return this.bytes(this.uint32());
  }

  /** A non-negative mpint, padded to `size` bytes; without a size, as short as it is. */
  number(size?: number): Buffer {
    let digits = this.string();
    if (digits[0] !== undefined && digits[0] >= 0x80)
      throw new SignatureError(`the ${this.#what} holds a negative number`);
    while (digits[0] === 0) digits = digits.subarray(1);
    if (size === undefined) return digits;
    if (digits.length > size) throw new SignatureError(`the ${this.#what} holds a number that is too large`);
    return Buffer.concat([Buffer.alloc(size - digits.length), digits]);
  }

  end(): void {
    if (this.#position !== this.#data.length) throw new SignatureError(`the ${this.#what} goes on after its end`);
  }
}
