import { NetworkError, type NetworkErrorCode } from '../network/errors.ts';

/** What went wrong with a registry, in words that a condition's reason can carry. */
export type OciErrorCode =
  | NetworkErrorCode
  /** The address, a tag or a digest is none. */
  | 'InvalidReference'
  /** The registry does not accept who we are, or asks for a sign-in that we have no credentials for. */
  | 'AuthenticationFailed'
  /** The registry knows who we are and does not allow it. */
  | 'Denied'
  /** No such repository, manifest or blob. */
  | 'NotFound'
  /** The registry asks to come later; see `afterMs`. */
  | 'TooManyRequests'
  /** The registry says that it failed. */
  | 'ServerError'
  /** What answers does not speak the protocol of registries. */
  | 'NotRegistry'
  /** The bytes are not those that the digest, or the size, names. */
  | 'DigestMismatch'
  /** A manifest or index that cannot be understood. */
  | 'InvalidManifest';

/** The one error of this room; `code` tells what happened, `message` where, and what to do about it. */
export class OciError extends Error {
  readonly code: OciErrorCode;
  /** Milliseconds until it may go well, when the registry said so. */
  readonly afterMs: number | undefined;
  constructor(code: OciErrorCode, message: string, options?: ErrorOptions & { afterMs?: number | undefined }) {
    super(message, options);
    this.name = 'OciError';
    this.code = code;
    this.afterMs = options?.afterMs;
  }
}

/** The same failure as this room's error; what is neither this room's nor the network's stays what it is. */
export function ociError(error: unknown): unknown {
  return error instanceof NetworkError ? new OciError(error.code, error.message, { cause: error }) : error;
}
