import type { KeyObject } from 'node:crypto';
import type { OidcIdentity, SecretFile } from '../request.ts';
import { attemptVerification, type Sign } from './attempt.ts';
import { publicPem } from './sigstore.ts';

/** What an object trusts: keys, or else identities under a root. */
export interface Ask {
  keys?: SecretFile[];
  identities?: OidcIdentity[];
  trustedRoot?: Buffer;
}

export const pub = (name: string, key: KeyObject): SecretFile => ({ name, bytes: Buffer.from(publicPem(key)) });

/** What verifying an artifact comes to, once `sign` has signed it or failed to: who signed, or the error. */
export function attempt(sign: Sign, { keys, identities, trustedRoot }: Ask): Promise<string> {
  return attemptVerification(sign, { provider: 'cosign', keys, matchOIDCIdentity: identities, trustedRoot });
}
