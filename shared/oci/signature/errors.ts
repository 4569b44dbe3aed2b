/** Why a signature was not accepted, in words for a log; the condition's reason is `VerificationError` for all of them. */
export type SignatureErrorCode =
  /** The artifact has no signature of this kind. */
  | 'NoSignatures'
  /** It has signatures, and none of them is by whom the object trusts, for this artifact. */
  | 'NoMatchingSignature'
  /** The Secret's keys, certificates, trusted root or trust policy, or the object's matchers, cannot be used. */
  | 'InvalidConfiguration'
  /** The trust policy has no statement for this repository. */
  | 'NoApplicableTrustPolicy'
  /** Whom the signature trusts could not be fetched: Sigstore's trusted root. */
  | 'TrustedRootUnavailable'
  /** Something of one signature: see the message. */
  | 'InvalidSignature'
  /** What was asked for is not built here. */
  | 'Unsupported';

/** The one error of this room. What the registry or the network threw passes unchanged. */
export class SignatureError extends Error {
  readonly code: SignatureErrorCode;
  constructor(code: SignatureErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SignatureError';
    this.code = code;
  }
}
