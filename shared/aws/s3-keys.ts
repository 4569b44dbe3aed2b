/**
 * Keys of the store as keys of S3. Almost all are the same. Those that S3 refuses (`../k`), that its XML cannot carry
 * (control characters), or that servers and tools like to tidy up (`k//k`, `./k`, `k/`) stand in a corner of their own, as `=/` and the
 * key's UTF-8 in hexadecimal, which keeps their order and their prefixes.
 */
import { KeyRefused, maxKeyBytes } from '../ports/store-keys.ts';

/** Heads the keys of the corner. */
const corner = '=/';

/** What S3 takes as it is, and gives back as it was: no empty, `.` or `..` segment, only what XML 1.0 can say without normalizing it. */
const plain = /^(?!=\/)(?!\.{0,2}(?:\/|$))(?:[^/]|\/(?!\.{0,2}(?:\/|$)))+$/u;
const unspeakable = /[^\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

/** S3's key for the store's. Throws KeyRefused for what has none. */
export function s3Key(key: string): string {
  const bytes = Buffer.byteLength(key);
  if (key === '' || bytes > maxKeyBytes)
    throw new KeyRefused(`an object key has 1 to ${maxKeyBytes} bytes, this one has ${bytes}`);
  if (!key.isWellFormed()) throw new KeyRefused('an object key must be well-formed Unicode');
  if (isPlain(key)) return key;
  const odd = corner + Buffer.from(key).toString('hex');
  if (odd.length > maxKeyBytes)
    throw new KeyRefused(
      `an object key with unusual characters or segments has at most ${maxKeyBytes / 2 - 1} bytes, this one has ${bytes}`,
    );
  return odd;
}

/** Whether the key is the same in S3. */
export function isPlain(key: string): boolean {
  return plain.test(key) && !unspeakable.test(key);
}

/** The store's key for S3's; undefined when it is none of ours. */
export function keyOfS3(key: string): string | undefined {
  const found = key.startsWith(corner) ? Buffer.from(key.slice(corner.length), 'hex').toString('utf8') : key;
  try {
    return s3Key(found) === key ? found : undefined;
  } catch (error) {
    if (error instanceof KeyRefused) return undefined;
    throw error;
  }
}

/** The prefixes of S3's keys under which the keys with this prefix stand: the plain ones, if there can be any, and those of the corner. */
export function s3Prefixes(prefix: string): { plain: string | undefined; odd: string } {
  return { plain: isPlain(`${prefix}x`) ? prefix : undefined, odd: corner + Buffer.from(prefix).toString('hex') };
}
