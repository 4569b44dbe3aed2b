/** What went wrong with an artifact. */
export type ArtifactErrorCode =
  /** A path that would leave the artifact, or that consumers refuse. */
  | 'UnsafePath'
  | 'TooLarge'
  /** The archive cannot be read, or holds what it must not: links, devices. */
  | 'InvalidArchive'
  /** The bytes are not those that the digest names. */
  | 'DigestMismatch'
  /** The store does not hold it. */
  | 'NotFound'
  /** A file changed its size, or the place to write to is taken. */
  | 'WriteFailed';

/** The one error of this room. */
export class ArtifactError extends Error {
  readonly code: ArtifactErrorCode;
  constructor(code: ArtifactErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ArtifactError';
    this.code = code;
  }
}

/** The store holds no artifact of this digest: it was swept, or never written. */
export class ArtifactMissing extends ArtifactError {
  constructor(digest: string) {
    super('NotFound', `the store holds no artifact ${digest}; its source has to be reconciled again`);
    this.name = 'ArtifactMissing';
  }
}
