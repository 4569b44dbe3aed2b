import { NetworkError } from '../network/errors.ts';

export { foreignText } from '../network/errors.ts';

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
  /** The proxy cannot be used, or does not connect us. */
  | 'ProxyFailed'
  /** The private key for SSH, or the list of known hosts, cannot be read. */
  | 'InvalidIdentity'
  /** The SSH server's host key is not known, or not the one that is known. */
  | 'HostKeyRefused'
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
  /** .gitmodules names an address that is not fetched from, or too many, or they nest too deep. */
  | 'SubmoduleRefused'
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

/** What went wrong on the way to `where`, as this room's error. What an aborted signal gave as its reason stays as it is. */
export function gitError(error: unknown, where: string): Error {
  if (error instanceof GitError) return error;
  if (error instanceof NetworkError) {
    const advice = error.code === 'AddressRefused' ? ': correct spec.url' : '';
    return new GitError(error.code, error.message + advice, { cause: error });
  }
  if (!(error instanceof Error)) return new GitError('Unreachable', `cannot reach ${where}: ${String(error)}`);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code.startsWith('Z_') || code === 'ERR_TRAILING_JUNK_AFTER_STREAM_END')
    return new GitError('Corrupt', `${where} sent gzip data that does not inflate: ${error.message}`, { cause: error });
  return error;
}
