import { bundleSignatures } from './cosign-bundles.ts';
import { foreignContent } from './cosign-claims.ts';
import { identityMatcher } from './cosign-identity.ts';
import { type KeylessTrust, verifyKeyless } from './cosign-keyless.ts';
import { type CosignKey, cosignKeys, isSignedBy } from './cosign-keys.ts';
import { legacySignatures } from './cosign-legacy.ts';
import type { CosignSignature, FoundSignature } from './cosign-signature.ts';
import { publicTrust, trustOf } from './cosign-trust.ts';
import { SignatureError } from './errors.ts';
import type { SignatureRequest, VerifiedSignature } from './request.ts';

/** Whose signatures are accepted. */
type Trust = { keys: CosignKey[] } | { keyless: KeylessTrust };

/**
 * Verifies an artifact's signatures as cosign makes them: with a key of the Secret, when there is one, else without keys. One
 * good signature suffices, in the layout of referrers or in the old one. With a key no transparency log is asked or checked,
 * as in Flux. Throws SignatureError, and what the registry throws.
 */
export async function verifyCosign(request: SignatureRequest): Promise<VerifiedSignature> {
  const trust = await trustFor(request);
  const problems: string[] = [];
  const failures: unknown[] = [];
  for (const find of [bundleSignatures, legacySignatures]) {
    // As in Flux: a registry that cannot list referrers may still have signatures in the old layout.
    const list = await find(request.registry, request.descriptor).catch((error: unknown) => {
      failures.push(error);
      return [];
    });
    for (const found of list) {
      const judged = await judge(found, trust, request);
      if ('signer' in judged) return { result: 'verified', message: `signed by ${judged.signer} (${found.where})` };
      problems.push(`${found.where}: ${judged.problem}`);
    }
  }
  // Not all signatures were seen: the next try may find a good one.
  if (failures.length > 0) throw failures[0];
  if (problems.length === 0)
    throw new SignatureError(
      'NoSignatures',
      `no matching signatures were found for '${request.reference}': no signatures found`,
    );
  throw new SignatureError(
    'NoMatchingSignature',
    `no matching signatures were found for '${request.reference}': ${listed(problems)}`,
  );
}

/** Conditions carry the first few; the rest is of the same kind. */
function listed(problems: string[]): string {
  const shown = problems.slice(0, 5);
  const rest = problems.length - shown.length;
  return `${shown.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}

async function trustFor(request: SignatureRequest): Promise<Trust> {
  const { keys, keysFrom = '', trustedRoot, matchOIDCIdentity = [], clock, http } = request;
  if (keys) return { keys: cosignKeys(keys, keysFrom) };
  const matches = await identityMatcher(matchOIDCIdentity);
  const material = trustedRoot ? await trustOf(trustedRoot) : await publicTrust(clock.now());
  return { keyless: { material, matches, http } };
}

type Judged = { signer: string } | { problem: string };

async function judge(found: FoundSignature, trust: Trust, { descriptor }: SignatureRequest): Promise<Judged> {
  if ('problem' in found) return found;
  const signer = 'keys' in trust ? await byKey(found, trust.keys) : await withoutKey(found, trust.keyless);
  if ('problem' in signer) return signer;
  const foreign = foreignContent(found.content, descriptor);
  return foreign === undefined ? signer : { problem: foreign };
}

async function byKey({ content, signatures }: CosignSignature, keys: CosignKey[]): Promise<Judged> {
  const data = content.kind === 'statement' ? await encoded(content.type, content.bytes) : content.bytes;
  const key = keys.find(known => signatures.some(signature => isSignedBy(known, data, signature)));
  return key ? { signer: `the key '${key.name}'` } : { problem: 'it is by none of the keys' };
}

async function encoded(type: string, payload: Buffer): Promise<Buffer> {
  const { dsse } = await import('./sigstore-library.ts');
  return dsse.preAuthEncoding(type, payload);
}

async function withoutKey(found: CosignSignature, trust: KeylessTrust): Promise<Judged> {
  // As in Flux: what the old layout allows, that anybody may have signed, the newer one does not.
  if (!trust.matches && found.content.kind !== 'payload')
    return { problem: 'it is a bundle, and spec.verify.matchOIDCIdentity does not say whose are accepted' };
  const verified = await verifyKeyless(found, trust);
  if ('problem' in verified) return verified;
  const { subject, issuer } = verified.identity;
  return { signer: `${subject} (signed in at ${issuer})` };
}
