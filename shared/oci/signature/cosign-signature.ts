import type { Bundle } from '@sigstore/bundle';

/** What a signature was made over, and how it is bound to the artifact. */
export type SignedContent =
  /** A text that names the artifact's digest: cosign's payload of old. */
  | { kind: 'payload'; bytes: Buffer }
  /** The artifact's manifest itself. */
  | { kind: 'manifest'; bytes: Buffer }
  /** An in-toto statement whose subjects are digests, in a DSSE envelope. */
  | { kind: 'statement'; bytes: Buffer; type: string };

/** One signature that was found beside an artifact, in cosign's old layout or as a bundle of Sigstore. */
export interface CosignSignature {
  /** Where it was found, for messages: `sha256-….sig, signature 1`, `bundle sha256:…`. */
  where: string;
  content: SignedContent;
  /** Signatures over the content; of a DSSE envelope there may be several. */
  signatures: Buffer[];
  /** With it the certificate, the entries of the transparency log and timestamps; undefined when it was made with a key alone. */
  bundle?: Bundle;
}

/** A signature that was found and cannot be understood. */
export interface UnreadableSignature {
  where: string;
  problem: string;
}

export type FoundSignature = CosignSignature | UnreadableSignature;
