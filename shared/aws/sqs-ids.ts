import { createHash } from 'node:crypto';

/** What SQS takes as a message group or deduplication id: letters, digits and punctuation of ASCII, at most 128 (API reference, SendMessage). */
const taken = /^[!-~]{1,128}$/;
const hashed = 'sha256:';

/**
 * A group or deduplication id as SQS takes it: itself, or its hash when it is too long or has other characters. Different ids
 * stay different: what looks like a hash by itself is hashed too.
 */
export function sqsId(id: string): string {
  if (taken.test(id) && !id.startsWith(hashed)) return id;
  // As UTF-16: in UTF-8 all unpaired surrogates would be one character.
  return hashed + createHash('sha256').update(Buffer.from(id, 'utf16le')).digest('hex');
}
