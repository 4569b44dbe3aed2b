/** What tests of revocation and of timestamps share: authorities that answer as they are told, and signers under a root. */
import { after, before, beforeEach } from 'node:test';
import {
  type CertificateOptions,
  issue,
  pushEnvelope,
  type Signer,
  type SignOptions,
  signJws,
} from '../../shared/oci/signature/testing/notary.ts';
import {
  attemptNotation,
  certificateFile,
  policy,
  type StatementOptions,
} from '../../shared/oci/signature/testing/notation-attempt.ts';
import { type Authorities, startAuthorities } from '../programs/notation-authorities.ts';

export let authorities: Authorities;
export let root: Signer;
export let stranger: Signer;

before(async () => {
  [authorities, root, stranger] = await Promise.all([startAuthorities(), issue({ ca: true }), issue({ ca: true })]);
});
after(() => authorities.close());
beforeEach(() => {
  Object.assign(authorities, { asked: [], ocsp: undefined, crl: undefined, tsa: undefined });
});

export const serialNumber = '00c0ffee';
export const signer = (options: CertificateOptions = {}) => issue({ serialNumber, ...options }, root);

/** What verifying a signature by this signer comes to. */
export async function judged(by: Signer, statement: StatementOptions = {}, options: SignOptions = {}): Promise<string> {
  const keys = [policy(statement), certificateFile(root.chain[0]!)];
  return attemptNotation(
    async (registry, artifact) => {
      pushEnvelope(registry, artifact, await signJws(by, artifact, options));
    },
    { keys },
  );
}
