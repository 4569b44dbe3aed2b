import { SignatureError } from './errors.ts';
import type { SignatureRequest, VerifiedSignature } from './request.ts';

export { SignatureError, type SignatureErrorCode } from './errors.ts';
export type * from './request.ts';

/**
 * Verifies that the artifact is signed as an object's spec.verify wants it. Throws SignatureError when it is not; it is
 * said to the user as `failed to verify the signature using provider '<provider>': <message>`, after the provider ` keyless`
 * for cosign without a Secret. Throws what the registry throws.
 */
export async function verifyOciSignature(request: SignatureRequest): Promise<VerifiedSignature> {
  switch (request.provider) {
    case 'cosign':
      return (await import('./cosign.ts')).verifyCosign(request);
    case 'notation':
      return (await import('./notation.ts')).verifyNotation(request);
    default:
      throw new SignatureError('Unsupported', `unsupported verification provider: ${request.provider satisfies never}`);
  }
}
