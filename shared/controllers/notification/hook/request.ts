import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * A request to a webhook path, as a receiver type sees it. Made from the request itself, or from what was kept of it
 * when the cluster could not be asked (see keep.ts): then the secret headers are known by a digest only.
 */
export interface HookRequest {
  /** The bytes as they came: signatures are verified over these. */
  body: Buffer;
  /** A header that holds no secret; `name` in lower case. */
  header(name: string): string | undefined;
  /** Whether a header that holds a secret has this value, in constant time; `name` in lower case. */
  secretHeaderIs(name: string, expected: string): boolean;
}

/** What the headers of a request look like once API Gateway has lower-cased and joined them. */
export type HookHeaders = Record<string, string | undefined>;

export function liveRequest(body: Buffer, headers: HookHeaders): HookRequest {
  return {
    body,
    header: name => headers[name],
    secretHeaderIs: (name, expected) => sameText(headers[name] ?? '', expected),
  };
}

/** The request is not what the Receiver accepts: 400. `message` is told to the caller, and names no secret. */
export class HookRejected extends Error {
  readonly code = 'HookRejected';
  constructor(message: string) {
    super(message);
    this.name = 'HookRejected';
  }
}

/** Compares in a time that does not depend on where, or whether, the texts differ. */
export function sameText(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}
