import { X509Certificate } from 'node:crypto';
import type { Bundle } from '@sigstore/bundle';
import type { TrustMaterial } from '@sigstore/verify';
import * as z from 'zod';
import type { HttpClient } from '../../network/http.ts';
import type { CertificateIdentity, IdentityMatcher } from './cosign-identity.ts';
import { findLogEntries } from './cosign-rekor.ts';
import type { CosignSignature } from './cosign-signature.ts';
import { SignatureError } from './errors.ts';

const codeSigning = '1.3.6.1.5.5.7.3.3';

/** Whom signatures without a key are trusted from. */
export interface KeylessTrust {
  material: TrustMaterial;
  /** For Rekor, when a signature has no entry of it beside it. */
  http: HttpClient;
  /** Undefined: anybody whom Fulcio gave a certificate. */
  matches: IdentityMatcher | undefined;
}

/**
 * Why a signature without a key is not accepted, or who made it: its certificate is of the trusted authority and in a log of
 * certificates, was valid when the transparency log (or a timestamping authority, where the log keeps no times) saw the
 * signature, and names somebody whom the object trusts.
 */
export async function verifyKeyless(
  given: CosignSignature,
  { material, matches, http }: KeylessTrust,
): Promise<{ identity: CertificateIdentity } | { problem: string }> {
  const leaf = given.bundle && leafOf(given.bundle);
  if (!given.bundle || !leaf) return { problem: 'it was made with a key: it has no certificate' };
  if (!leaf.keyUsage?.includes(codeSigning)) return { problem: 'its certificate is not for signing code' };
  const { toSignedEntity, Verifier } = await import('./sigstore-library.ts');
  try {
    const bundle = await logged(given, given.bundle, leaf, material, http);
    const entity = toSignedEntity(bundle, given.content.bytes);
    // As cosign: timestamps count only where the transparency log says no time.
    const seen = entity.timestamps.filter(({ $case }) => $case === 'transparency-log');
    const timestamps = seen.length > 0 ? seen : entity.timestamps;
    const signer = new Verifier(material).verify({ ...entity, timestamps });
    const { extensions, subjectAlternativeName } = signer.identity ?? {};
    const identity = { issuer: extensions?.issuer ?? '', subject: subjectAlternativeName ?? '' };
    if (!bundle.verificationMaterial.tlogEntries.every(entry => isLoggedFor(entry.canonicalizedBody, leaf)))
      return { problem: 'its entry of the transparency log is of another certificate' };
    if (!matches || matches(identity)) return { identity };
    return {
      problem: `none of the expected identities matched what was in the certificate, got subjects [${identity.subject}] with issuer ${identity.issuer}`,
    };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

/**
 * The bundle, with the log's oldest entry where it has none: the old layout allows that, and Rekor then is asked for it, the
 * one that the trusted root names first. Throws what asking throws.
 */
async function logged(
  { content, signatures }: CosignSignature,
  bundle: Bundle,
  leaf: X509Certificate,
  material: TrustMaterial,
  http: HttpClient,
): Promise<Bundle> {
  const { verificationMaterial } = bundle;
  const rekor = material.tlogs.find(({ baseURL }) => baseURL !== '')?.baseURL;
  if (verificationMaterial.tlogEntries.length > 0 || content.kind !== 'payload' || !rekor) return bundle;
  const asked = { payload: content.bytes, signature: signatures[0]!, certificate: leaf.toString() };
  const [entry] = await findLogEntries(asked, rekor, http);
  if (!entry) throw new SignatureError('InvalidSignature', `the transparency log ${rekor} has no entry for it`);
  return { ...bundle, verificationMaterial: { ...verificationMaterial, tlogEntries: [entry] } } as Bundle;
}

function leafOf({ verificationMaterial: { content } }: Bundle): X509Certificate | undefined {
  const raw =
    content.$case === 'certificate'
      ? content.certificate.rawBytes
      : content.$case === 'x509CertificateChain'
        ? content.x509CertificateChain.certificates[0]?.rawBytes
        : undefined;
  return raw && new X509Certificate(raw);
}

/** Where entries of Rekor keep the certificate, by kind: PEM in base64, or DER in base64 since its second version. */
const Pem = z.object({ content: z.base64() });
const Der = z.object({ x509Certificate: z.object({ rawBytes: z.base64() }) });
const EntrySpec = z.object({
  spec: z.looseObject({
    signature: z.object({ publicKey: Pem }).optional(),
    signatures: z.array(z.object({ verifier: z.base64().optional() })).optional(),
    hashedRekordV002: z.object({ signature: z.object({ verifier: Der }) }).optional(),
    dsseV002: z.object({ signatures: z.array(z.object({ verifier: Der })) }).optional(),
  }),
});

/** Whether the log's entry was made for this certificate, as far as its kind says for which. */
function isLoggedFor(body: Buffer, leaf: X509Certificate): boolean {
  const parsed = EntrySpec.safeParse(JSON.parse(body.toString('utf8')));
  if (!parsed.success) return false;
  const { signature, signatures = [], hashedRekordV002, dsseV002 } = parsed.data.spec;
  const pems = [signature?.publicKey.content, ...signatures.map(({ verifier }) => verifier)];
  const ders = [hashedRekordV002?.signature, ...(dsseV002?.signatures ?? [])].map(
    signed => signed?.verifier.x509Certificate.rawBytes,
  );
  const logged = [
    ...pems.filter(text => text !== undefined).map(text => new X509Certificate(Buffer.from(text, 'base64')).raw),
    ...ders.filter(text => text !== undefined).map(text => Buffer.from(text, 'base64')),
  ];
  return logged.every(raw => raw.equals(leaf.raw));
}

function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}
