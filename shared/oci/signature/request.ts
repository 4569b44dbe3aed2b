import type { HttpClient } from '../../network/http.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Descriptor } from '../descriptor.ts';
import type { Registry } from '../registry.ts';

/** What of a repository's client verifying needs. */
export type SignatureRegistry = Pick<Registry, 'name' | 'manifest' | 'readBlob' | 'referrers'>;

/** A file of a Secret: the key it has there, and what it holds. */
export interface SecretFile {
  name: string;
  bytes: Buffer;
}

/** Who may have signed without a key: regular expressions of Go, found anywhere in the text unless they are anchored. */
export interface OidcIdentity {
  issuer: string;
  subject: string;
}

export interface SignatureRequest {
  registry: SignatureRegistry;
  /** The manifest that must be signed. */
  descriptor: Descriptor;
  /** `host/repository:tag` or `host/repository@digest`, as messages name the artifact. */
  reference: string;
  provider: 'cosign' | 'notation';
  /**
   * All files of the Secret of spec.verify.secretRef; undefined without one. Cosign uses those that end in `.pub`, notation
   * `trustpolicy.json` and those that end in `.crt` or `.pem`.
   */
  keys?: SecretFile[] | undefined;
  /** `<namespace>/<name>` of that Secret, for messages. */
  keysFrom?: string | undefined;
  matchOIDCIdentity?: OidcIdentity[] | undefined;
  /** Sigstore's trusted_root.json of spec.verify.trustedRootSecretRef; that of the public instance when absent. */
  trustedRoot?: Buffer | undefined;
  /** For Rekor's and the certificates' servers; the registry has its own. */
  http: HttpClient;
  clock: Clock;
}

export interface VerifiedSignature {
  /**
   * `verified`: SourceVerified becomes True. `ignored`: a trust policy says that nobody need sign (level skip), or that who
   * signed is only logged (level audit): the artifact may be used, and nothing is said of it.
   */
  result: 'verified' | 'ignored';
  /** Who signed, or why that was not looked at; for the log. */
  message: string;
}
