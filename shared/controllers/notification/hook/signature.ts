import { createHmac, timingSafeEqual } from 'node:crypto';
import { HookRejected } from './request.ts';

/** What Flux takes (sha1, sha256, sha512) and the two others of the same family that senders use. */
const digestLengths: Record<string, number> = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 };

/**
 * Verifies `<hash function>=<hex>` over the raw body. Throws HookRejected when the header is missing, malformed, or wrong.
 */
export function verifySignature(header: string, signature: string | undefined, body: Buffer, token: Buffer): void {
  if (!signature) throw new HookRejected(`the ${header} header is missing`);
  const [algorithm = '', hex = '', more] = signature.trim().split('=');
  const length = Object.hasOwn(digestLengths, algorithm) ? digestLengths[algorithm] : undefined;
  if (!length || more !== undefined)
    throw new HookRejected(
      `the ${header} header is not of the form <hash function>=<hex>, with one of ${Object.keys(digestLengths).join(', ')}`,
    );
  const given = /^[0-9a-fA-F]*$/.test(hex) ? Buffer.from(hex, 'hex') : Buffer.alloc(0);
  const expected = createHmac(algorithm, token).update(body).digest();
  if (given.length !== length || !timingSafeEqual(given, expected))
    throw new HookRejected(`the ${header} header does not match the body and the Receiver's token`);
}
