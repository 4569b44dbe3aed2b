/**
 * Object keys as paths. Any key that S3 takes becomes a path inside the root and back, and no two keys meet: each segment
 * is escaped (so `..`, an empty segment, a NUL or a backslash are only names), and the file that holds an object is
 * marked, so that the objects `a` and `a/b` can exist together.
 */
import { KeyRefused, maxKeyBytes } from '../ports/store-keys.ts';

/** First character of a file's name that holds an object; escaped segments never have it. */
const mark = '=';

/** Path of the object, relative to the root, with `/`. */
export function pathOfKey(key: string): string {
  if (key === '' || Buffer.byteLength(key) > maxKeyBytes)
    throw new KeyRefused(`an object key has 1 to ${maxKeyBytes} bytes, this one has ${Buffer.byteLength(key)}`);
  const segments = key.split('/').map(escapeSegment);
  const name = segments.pop()!;
  return [...segments, mark + name].join('/');
}

/** What a directory entry stands for; undefined when it is none of ours. */
export function entryOf(name: string, isDirectory: boolean): string | undefined {
  if (isDirectory) return unescapeSegment(name);
  return name.startsWith(mark) ? unescapeSegment(name.slice(1)) : undefined;
}

/** A name that is safe as one path segment on its own (no mark). */
export function escapeSegment(segment: string): string {
  if (!segment.isWellFormed()) throw new KeyRefused('an object key must be well-formed Unicode');
  const escaped = segment === '' ? '%' : encodeURIComponent(segment).replace(/^\.|[!'()*~]/g, hexOf);
  if (escaped.length > 250) throw new KeyRefused(`the segment "${segment.slice(0, 40)}…" of an object key is too long`);
  return escaped;
}

function unescapeSegment(escaped: string): string | undefined {
  if (escaped === '%') return '';
  try {
    const segment = decodeURIComponent(escaped);
    return escapeSegment(segment) === escaped ? segment : undefined;
  } catch {
    return undefined;
  }
}

function hexOf(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
