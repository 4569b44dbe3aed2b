import { SignatureError } from './errors.ts';
import type { SignatureRequest, VerifiedSignature } from './verify.ts';

export async function verifyNotation(request: SignatureRequest): Promise<VerifiedSignature> {
  throw new SignatureError('Unsupported', `not yet: ${request.provider}`);
}
