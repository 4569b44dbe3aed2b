/** What went wrong with a repository, in words that a condition's reason can carry. */
export type GitErrorCode =
  /** The URL is not one this client can fetch from. */
  | 'InvalidUrl'
  /** The credentials are contradictory or cannot be used (bad PEM, a certificate without its key). */
  | 'InvalidCredentials'
  /** spec.ref cannot be understood: malformed commit, name or semver range. */
  | 'InvalidReference'
  | 'AuthenticationFailed'
  | 'RepositoryNotFound'
  | 'ReferenceNotFound'
  | 'CommitNotFound'
  | 'EmptyRepository'
  | 'Timeout'
  | 'Canceled'
  /** DNS, TCP, or a connection that broke. */
  | 'Unreachable'
  /** The server's certificate, or ours, was not accepted. */
  | 'TlsFailed'
  /** The host resolves to an address that is never fetched from (link-local, metadata services). */
  | 'AddressRefused'
  | 'RedirectRefused'
  /** The server answered, but not in the Git protocol. */
  | 'NotGit'
  /** Static files without the smart protocol. */
  | 'DumbServer'
  /** A Git server that asks for what this client does not know, e.g. SHA-256 object ids. */
  | 'Unsupported'
  /** The server said that it failed. */
  | 'ServerError'
  /** What the server sent contradicts itself: checksum, deltas, missing objects. */
  | 'Corrupt'
  /** A tree holds a name that must not be written to a disk. */
  | 'UnsafePath'
  | 'TooLarge';

/** The one error of this room; `code` tells what happened, `message` where, and what to do about it. */
export class GitError extends Error {
  readonly code: GitErrorCode;
  constructor(code: GitErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GitError';
    this.code = code;
  }
}

/** Text of a server, fit for a condition or a log: no control characters, bounded. */
export function foreignText(text: string, limit = 300): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  const clean = text.replace(/[\u0000-\u0020\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g, ' ').trim();
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean;
}
