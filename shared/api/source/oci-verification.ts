import * as z from 'zod';
import { localRef, text } from '../schema.ts';

const oidcIdentity = z
  .object({
    issuer: text('Regular expression (Go) that the issuer in the certificate must match.'),
    subject: text('Regular expression (Go) that the identity in the certificate must match.'),
  })
  .describe('Who may have signed.');

/** spec.verify of sources that are OCI artifacts. */
export const ociVerification = z
  .object({
    provider: z
      .enum(['cosign', 'notation'])
      .meta({ default: 'cosign', description: 'What the artifact was signed with; the API server fills in cosign.' }),
    secretRef: localRef('Secret with the public keys, or certificates, of trusted authors.').optional(),
    matchOIDCIdentity: z
      .array(oidcIdentity)
      .describe("Of whom one must have signed, when there are no keys (cosign's keyless signing).")
      .optional(),
    trustedRootSecretRef: localRef(
      "Secret with a trusted_root.json of a Sigstore of one's own, for signatures without keys.",
    ).optional(),
  })
  .describe('The signature that the artifact must carry.');
export type OciVerification = z.infer<typeof ociVerification>;
