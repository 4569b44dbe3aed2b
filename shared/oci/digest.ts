import { createHash, type Hash } from 'node:crypto';
import { OciError } from './errors.ts';

/** Computes the digest that `expected` names the algorithm of. */
export class DigestCheck {
  readonly #expected: string;
  readonly #hash: Hash;
  /** Bytes so far. */
  bytes = 0;

  constructor(expected: string) {
    this.#expected = expected;
    this.#hash = createHash(expected.slice(0, expected.indexOf(':')));
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
  }

  /** Throws OciError DigestMismatch when what came is something else; `what` names it. */
  verify(what: string): void {
    const actual = `${this.#expected.slice(0, this.#expected.indexOf(':'))}:${this.#hash.digest('hex')}`;
    if (actual === this.#expected) return;
    throw new OciError(
      'DigestMismatch',
      `${what} has the digest ${actual} and not ${this.#expected}: the registry, or something on the way, changed it`,
    );
  }
}

/** The digest of bytes. */
export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
