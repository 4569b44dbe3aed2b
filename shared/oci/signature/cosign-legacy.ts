import { createHash, X509Certificate } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import * as z from 'zod';
import type { Descriptor } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import { logEntry } from './cosign-rekor.ts';
import type { CosignSignature, FoundSignature } from './cosign-signature.ts';
import type { SignatureRegistry } from './request.ts';

const annotations = {
  signature: 'dev.cosignproject.cosign/signature',
  certificate: 'dev.sigstore.cosign/certificate',
  bundle: 'dev.sigstore.cosign/bundle',
} as const;

/** Bytes of a payload; cosign's own have some 250. */
const payloadLimit = 2 ** 20;
/** Signatures of one artifact that are looked at. */
export const signatureLimit = 100;

/** The entry of Rekor that cosign puts beside a signature, so that Rekor need not be asked. */
const RekorBundle = z.object({
  SignedEntryTimestamp: z.base64(),
  Payload: z.object({
    body: z.base64(),
    integratedTime: z.int().min(0),
    logIndex: z.int().min(0),
    logID: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});

/** The tag under which cosign keeps the signatures of a manifest, in its layout before the one of referrers. */
export function signatureTag(digest: string): string {
  return `${digest.replace(':', '-')}.sig`;
}

/** The signatures of an artifact in cosign's old layout: layers of the image under the tag `sha256-<hex>.sig`. Throws what the registry throws. */
export async function legacySignatures(registry: SignatureRegistry, descriptor: Descriptor): Promise<FoundSignature[]> {
  const tag = signatureTag(descriptor.digest);
  const fetched = await registry.manifest(tag).catch((error: unknown) => {
    if (error instanceof OciError && error.code === 'NotFound') return undefined;
    throw error;
  });
  const layers = fetched?.manifest.layers ?? [];
  const found: FoundSignature[] = [];
  for (const [index, layer] of layers.slice(0, signatureLimit).entries()) {
    const where = `${tag}, signature ${index + 1}`;
    found.push(await readLayer(registry, layer, where));
  }
  if (layers.length > signatureLimit)
    found.push({
      where: tag,
      problem: `of ${layers.length} signatures only the first ${signatureLimit} are looked at`,
    });
  return found;
}

async function readLayer(registry: SignatureRegistry, layer: Descriptor, where: string): Promise<FoundSignature> {
  const encoded = layer.annotations?.[annotations.signature];
  if (!encoded) return { where, problem: `the layer has no annotation ${annotations.signature}` };
  if (layer.size > payloadLimit) return { where, problem: `the payload has more than ${payloadLimit} bytes` };
  const bytes = await registry.readBlob(layer, payloadLimit);
  const signature = Buffer.from(encoded, 'base64');
  const found: CosignSignature = { where, content: { kind: 'payload', bytes }, signatures: [signature] };
  const certificate = layer.annotations?.[annotations.certificate];
  if (!certificate) return found;
  try {
    const entry = layer.annotations?.[annotations.bundle];
    return { ...found, bundle: await legacyBundle(found, certificate, entry) };
  } catch (error) {
    return { where, problem: `its certificate or entry of the transparency log cannot be read: ${problemOf(error)}` };
  }
}

/**
 * The same signature as a bundle of Sigstore's, which is what Sigstore's verifier takes. The chain beside the certificate is
 * left out: whom to trust is the trusted root's to say.
 */
async function legacyBundle(
  { content, signatures }: CosignSignature,
  certificate: string,
  entry: string | undefined,
): Promise<NonNullable<CosignSignature['bundle']>> {
  const { BUNDLE_V01_MEDIA_TYPE, HashAlgorithm } = await import('./sigstore-library.ts');
  const rawBytes = Buffer.from(new X509Certificate(certificate).raw);
  const digest = createHash('sha256').update(content.bytes).digest();
  return {
    mediaType: BUNDLE_V01_MEDIA_TYPE,
    content: {
      $case: 'messageSignature',
      messageSignature: {
        messageDigest: { algorithm: HashAlgorithm.SHA2_256, digest },
        signature: signatures[0]!,
      },
    },
    verificationMaterial: {
      content: { $case: 'x509CertificateChain', x509CertificateChain: { certificates: [{ rawBytes }] } },
      tlogEntries: entry === undefined ? [] : [entryOf(entry)],
      timestampVerificationData: undefined,
    },
  } as NonNullable<CosignSignature['bundle']>;
}

function entryOf(text: string): TransparencyLogEntry {
  const { SignedEntryTimestamp, Payload } = RekorBundle.parse(JSON.parse(text));
  return logEntry({ ...Payload, promise: SignedEntryTimestamp });
}

function problemOf(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error).replaceAll('\n', ' ');
  return error instanceof Error ? error.message : String(error);
}
