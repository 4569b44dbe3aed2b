import { createHash, type KeyObject, sign } from 'node:crypto';
import { dsse } from '@sigstore/core';
import type { Descriptor } from '../../descriptor.ts';
import { signatureTag } from '../cosign-legacy.ts';
import type { MemoryRegistry } from './memory-registry.ts';
import { dsseEntry, hashedRekord, type PrivateSigstore, type SigningCertificate } from './sigstore.ts';

const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** The payload that cosign signs in its old layout. */
export function simpleSigning(digest: string, type = 'cosign container image signature'): Buffer {
  const image = { 'docker-manifest-digest': digest };
  const identity = { 'docker-reference': 'registry.example.com/apps/podinfo' };
  return Buffer.from(JSON.stringify({ critical: { identity, image, type }, optional: null }));
}

/** The statement that cosign signs in the layout of referrers. */
export function statement(digest: string): Buffer {
  const [algorithm = '', hex = ''] = digest.split(':');
  return Buffer.from(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { [algorithm]: hex } }],
      predicateType: 'https://sigstore.dev/cosign/sign/v1',
      predicate: {},
    }),
  );
}

export function signWith(key: KeyObject, data: Buffer): Buffer {
  return sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', data, key);
}

/** One signature of the old layout: its payload and annotations. */
export interface LegacyLayer {
  payload: Buffer;
  annotations: Record<string, string>;
}

export function legacyByKey(key: KeyObject, payload: Buffer): LegacyLayer {
  const signature = signWith(key, payload).toString('base64');
  return { payload, annotations: { 'dev.cosignproject.cosign/signature': signature } };
}

/** Without a key; `time` is what Rekor says, in epoch seconds. */
export function legacyKeyless(
  sigstore: PrivateSigstore,
  { pem, privateKey }: SigningCertificate,
  payload: Buffer,
  time?: number,
): LegacyLayer {
  const layer = legacyByKey(privateKey, payload);
  const signature = Buffer.from(layer.annotations['dev.cosignproject.cosign/signature']!, 'base64');
  const sha256 = createHash('sha256').update(payload).digest('hex');
  const { set, body, integratedTime, logIndex, logId } = sigstore.log(hashedRekord(sha256, signature, pem), time);
  const bundle = {
    SignedEntryTimestamp: set.toString('base64'),
    Payload: { body: body.toString('base64'), integratedTime, logIndex, logID: logId.toString('hex') },
  };
  const annotations = {
    ...layer.annotations,
    'dev.sigstore.cosign/certificate': pem,
    'dev.sigstore.cosign/bundle': JSON.stringify(bundle),
  };
  return { payload, annotations };
}

/** Puts signatures where cosign's old layout has them. */
export function pushLegacy(registry: MemoryRegistry, { digest }: Descriptor, layers: LegacyLayer[]): void {
  const type = 'application/vnd.dev.cosign.simplesigning.v1+json';
  const descriptors = layers.map(({ payload, annotations }) => registry.blob(payload, type, annotations));
  const config = registry.blob(Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
  registry.put({ config, layers: descriptors }, signatureTag(digest));
}

/** A bundle with a statement, signed with a key. */
export function bundleByKey(key: KeyObject, payload: Buffer, payloadType = 'application/vnd.in-toto+json'): object {
  const signature = signWith(key, dsse.preAuthEncoding(payloadType, payload));
  return {
    mediaType: bundleType,
    verificationMaterial: { publicKey: { hint: 'a' }, tlogEntries: [] },
    dsseEnvelope: envelope(payload, payloadType, signature),
  };
}

function envelope(payload: Buffer, payloadType: string, signature: Buffer): object {
  return { payload: payload.toString('base64'), payloadType, signatures: [{ sig: signature.toString('base64') }] };
}

/** A bundle with a statement, without a key. */
export function bundleKeyless(
  sigstore: PrivateSigstore,
  { pem, der, privateKey }: SigningCertificate,
  payload: Buffer,
  time?: number,
) {
  const payloadType = 'application/vnd.in-toto+json';
  const signature = signWith(privateKey, dsse.preAuthEncoding(payloadType, payload));
  const dsseEnvelope = envelope(payload, payloadType, signature);
  const entry = sigstore.log(dsseEntry(dsseEnvelope, payload, signature, pem), time);
  return {
    mediaType: bundleType,
    verificationMaterial: {
      certificate: { rawBytes: der.toString('base64') },
      tlogEntries: [
        {
          logIndex: String(entry.logIndex),
          logId: { keyId: entry.logId.toString('base64') },
          kindVersion: { kind: 'dsse', version: '0.0.1' },
          integratedTime: String(entry.integratedTime),
          inclusionPromise: { signedEntryTimestamp: entry.set.toString('base64') },
          inclusionProof: sigstore.proof(entry),
          canonicalizedBody: entry.body.toString('base64'),
        },
      ],
    },
    dsseEnvelope,
  };
}

/**
 * A bundle as the second version of Rekor gives: its log says no times, so a timestamping authority does. `stamp` answers its
 * response to a signature; undefined leaves it out.
 */
export async function bundleOfRekor2(
  sigstore: PrivateSigstore,
  { der, privateKey }: SigningCertificate,
  payload: Buffer,
  stamp: ((signature: Buffer) => Promise<Buffer>) | undefined,
): Promise<object> {
  const payloadType = 'application/vnd.in-toto+json';
  const signature = signWith(privateKey, dsse.preAuthEncoding(payloadType, payload));
  const digest = createHash('sha256').update(payload).digest('base64');
  const verifier = { keyDetails: 'PKIX_ECDSA_P256_SHA_256', x509Certificate: { rawBytes: der.toString('base64') } };
  const dsseV002 = {
    payloadHash: { algorithm: 'SHA2_256', digest },
    signatures: [{ content: signature.toString('base64'), verifier }],
  };
  const entry = sigstore.log({ apiVersion: '0.0.2', kind: 'dsse', spec: { dsseV002 } });
  const stamped = await stamp?.(signature);
  return {
    mediaType: bundleType,
    verificationMaterial: {
      certificate: { rawBytes: der.toString('base64') },
      tlogEntries: [
        {
          logIndex: '0',
          logId: { keyId: entry.logId.toString('base64') },
          kindVersion: { kind: 'dsse', version: '0.0.2' },
          inclusionProof: sigstore.proof(entry),
          canonicalizedBody: entry.body.toString('base64'),
        },
      ],
      ...(stamped
        ? { timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: stamped.toString('base64') }] } }
        : {}),
    },
    dsseEnvelope: envelope(payload, payloadType, signature),
  };
}

/** Puts a bundle beside the artifact that it is of. */
export function pushBundle(registry: MemoryRegistry, subject: Descriptor, bundle: object): void {
  const layer = registry.blob(Buffer.from(JSON.stringify(bundle)), bundleType);
  const config = registry.blob(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  registry.put({ artifactType: bundleType, config, layers: [layer], subject });
}
