import * as z from 'zod';
import type { Descriptor } from '../descriptor.ts';
import { SignatureError } from './errors.ts';
import { type NotationTrust, type Outcome, verifyEnvelope } from './notation-check.ts';
import type { Envelope } from './notation-envelope.ts';
import { parseTrustPolicy, policyFile, statementFor } from './notation-policy.ts';
import type { SecretFile, SignatureRequest, VerifiedSignature } from './request.ts';

const signatureType = 'application/vnd.cncf.notary.signature';
/** As in Flux: of an artifact with more signatures, these many are tried. */
const attempts = 3;
/** Bytes. */
const envelopeLimit = 4 * 2 ** 20;

/**
 * Verifies an artifact's signatures as notation makes them, by the trust policy and certificates of the Secret. One good
 * signature suffices. Throws SignatureError, and what the registry throws.
 */
export async function verifyNotation(request: SignatureRequest): Promise<VerifiedSignature> {
  const { registry, descriptor, reference, keys, keysFrom = '' } = request;
  if (!keys) throw new SignatureError('InvalidConfiguration', `verification secret cannot be empty: '${reference}'`);
  const trust = await trustOf(keys, keysFrom, request);
  if (!trust.statement.actions)
    return { result: 'ignored', message: `the trust policy statement '${trust.statement.name}' skips verification` };
  const found = await registry.referrers(descriptor.digest, signatureType);
  if (found.length === 0)
    throw new SignatureError('NoSignatures', `no signature is associated with '${reference}': sign it with notation`);
  const problems: string[] = [];
  for (const signature of found.slice(0, attempts)) {
    const outcome = await judge(signature, trust, request);
    if ('refused' in outcome) problems.push(`signature ${signature.digest}: ${outcome.refused}`);
    else return told(outcome, signature);
  }
  const more = found.length - attempts;
  const rest = more > 0 ? `; of ${found.length} signatures only ${attempts} are tried` : '';
  throw new SignatureError(
    'NoMatchingSignature',
    `no matching signatures were found for '${reference}': ${problems.join('; ')}${rest}`,
  );
}

function told({ logged, signer }: Extract<Outcome, { logged: unknown }>, { digest }: Descriptor): VerifiedSignature {
  const message = [`signed by ${signer} (signature ${digest})`, ...logged.map(({ problem }) => problem)].join('; ');
  // Who signed is only logged: the artifact may be used, and is not said to be verified.
  const unsure = logged.some(({ check }) => check === 'authenticity');
  return { result: unsure ? 'ignored' : 'verified', message };
}

async function trustOf(files: SecretFile[], from: string, request: SignatureRequest): Promise<NotationTrust> {
  const policy = files.find(({ name }) => name === policyFile);
  if (!policy) throw new SignatureError('InvalidConfiguration', `'${policyFile}' not found in secret '${from}'`);
  const statements = parseTrustPolicy(policy.bytes);
  const certificates = files.filter(({ name }) => /\.(?:crt|pem)$/.test(name));
  if (certificates.length === 0)
    throw new SignatureError(
      'InvalidConfiguration',
      `no certificates found in secret '${from}': their names must end in '.crt' or '.pem'`,
    );
  const { readCertificates } = await import('./notation-store.ts');
  return {
    statement: statementFor(statements, request.registry.name),
    certificates: certificates.flatMap(file => readCertificates(file, from)),
    http: request.http,
    now: new Date(request.clock.now()),
  };
}

const Payload = z.object({
  targetArtifact: z.object({ mediaType: z.string(), digest: z.string(), size: z.number() }),
});
const payloadType = 'application/vnd.cncf.notary.payload.v1+json';

async function judge(
  signature: Descriptor,
  trust: NotationTrust,
  { registry, descriptor }: SignatureRequest,
): Promise<Outcome> {
  const { manifest } = await registry.manifest(signature.digest);
  const [blob, second] = manifest.layers ?? [];
  if (!blob || second) return { refused: `its manifest has ${manifest.layers?.length ?? 0} layers instead of one` };
  if (blob.size > envelopeLimit) return { refused: `its envelope has more than ${envelopeLimit} bytes` };
  const bytes = await registry.readBlob(blob, envelopeLimit);
  try {
    const envelope = await parseEnvelope(bytes, blob.mediaType);
    const outcome = await verifyEnvelope(envelope, trust);
    const foreign = 'refused' in outcome ? undefined : foreignPayload(envelope, descriptor);
    return foreign === undefined ? outcome : { refused: foreign };
  } catch (error) {
    if (error instanceof SignatureError) return { refused: error.message };
    throw error;
  }
}

async function parseEnvelope(bytes: Buffer, mediaType: string): Promise<Envelope> {
  switch (mediaType) {
    case 'application/jose+json':
      return (await import('./notation-jws.ts')).parseJws(bytes);
    case 'application/cose':
      return (await import('./notation-cose.ts')).parseCose(bytes);
    default:
      throw new SignatureError(
        'InvalidSignature',
        `its envelope of type '${mediaType.slice(0, 100)}' is neither JWS nor COSE`,
      );
  }
}

/** Why the signature is not one of this artifact; undefined when it is. */
function foreignPayload({ payload, contentType }: Envelope, descriptor: Descriptor): string | undefined {
  if (contentType !== payloadType) return `what was signed is of type '${contentType.slice(0, 100)}'`;
  let json: unknown;
  try {
    json = JSON.parse(payload.toString('utf8'));
  } catch {
    return 'what was signed is no JSON';
  }
  const parsed = Payload.safeParse(json);
  if (!parsed.success) return 'what was signed names no artifact';
  const { digest, size, mediaType } = parsed.data.targetArtifact;
  if (digest !== descriptor.digest) return `it signs another artifact: ${digest.slice(0, 140)}`;
  if (size === descriptor.size && mediaType === descriptor.mediaType) return undefined;
  return `it signs ${digest} as ${mediaType.slice(0, 100)} of ${size} bytes, which it is not`;
}
