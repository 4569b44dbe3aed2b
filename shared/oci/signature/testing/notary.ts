import 'reflect-metadata';
import { constants, createPrivateKey, type KeyObject, sign, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { encode, Tag } from 'cbor2';
import type { Descriptor } from '../../descriptor.ts';
import { type Algorithm, algorithmFor } from '../notation-envelope.ts';
import type { MemoryRegistry } from './memory-registry.ts';

x509.cryptoProvider.set(webcrypto as never);

const ec = (namedCurve: string) => ({ name: 'ECDSA', namedCurve, hash: 'SHA-256' });
const rsa = (modulusLength: number) => ({
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
});
const keyKinds = {
  'P-256': ec('P-256'),
  'P-384': ec('P-384'),
  'P-521': ec('P-521'),
  'RSA 2048': rsa(2048),
  'RSA 3072': rsa(3072),
  'RSA 1024': rsa(1024),
} as const;
export type KeyKind = keyof typeof keyKinds;

export interface CertificateOptions {
  key?: KeyKind;
  name?: string;
  notBefore?: Date;
  notAfter?: Date;
  ca?: boolean;
  pathLength?: number;
  usage?: number;
  /** False: its key usage is not marked as critical. */
  critical?: boolean;
  extended?: string[];
  /** Of its extensions: where revocations are told. */
  ocsp?: string;
  crl?: string;
  serialNumber?: string;
}

/** A certificate and its key; `chain` from it to the root. */
export interface Signer {
  certificate: x509.X509Certificate;
  keys: webcrypto.CryptoKeyPair;
  privateKey: KeyObject;
  chain: Buffer[];
}

const usage = x509.KeyUsageFlags;
let serial = 1;

/** Issues a certificate; without an issuer, one by itself. An authority when `ca` is true, else one that signs code. */
export async function issue(options: CertificateOptions = {}, issuer?: Signer): Promise<Signer> {
  const algorithm = keyKinds[options.key ?? 'P-256'];
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const { ca = false, name = ca ? 'CN=authority, O=example, ST=WA, C=US' : 'CN=signer, O=example, ST=WA, C=US' } =
    options;
  const access = options.ocsp ? [new x509.AuthorityInfoAccessExtension({ ocsp: options.ocsp })] : [];
  const points = options.crl ? [new x509.CRLDistributionPointsExtension([options.crl])] : [];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: options.serialNumber ?? (serial++).toString(16).padStart(4, '0'),
    subject: name,
    issuer: issuer?.certificate.subjectName ?? name,
    notBefore: options.notBefore ?? new Date(Date.now() - 3_600_000),
    notAfter: options.notAfter ?? new Date(Date.now() + 3_600_000),
    signingAlgorithm: issuer ? { ...issuer.keys.privateKey.algorithm, hash: 'SHA-256' } : algorithm,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    extensions: [
      ...(ca ? [new x509.BasicConstraintsExtension(true, options.pathLength, true)] : []),
      new x509.KeyUsagesExtension(
        options.usage ?? (ca ? usage.keyCertSign | usage.cRLSign : usage.digitalSignature),
        options.critical ?? true,
      ),
      ...(ca && !options.extended
        ? []
        : [
            new x509.ExtendedKeyUsageExtension(
              options.extended ?? ['1.3.6.1.5.5.7.3.3'],
              options.extended?.length === 1,
            ),
          ]),
      ...access,
      ...points,
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    certificate,
    keys,
    privateKey: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }),
    chain: [Buffer.from(certificate.rawData), ...(issuer?.chain ?? [])],
  };
}

/** A change of what is signed, or of what is put beside it. */
export interface SignOptions {
  /** Signed headers beside, or instead of, the usual ones; undefined takes one away. */
  headers?: Record<string, unknown>;
  critical?: string[];
  payload?: Buffer;
  contentType?: string;
  algorithm?: Algorithm;
  chain?: Buffer[];
  signature?: (signature: Buffer) => Buffer;
  /** Makes the token over the signature. */
  timestamp?: (signature: Buffer) => Promise<Buffer>;
}

export function notaryPayload({ mediaType, digest, size }: Descriptor): Buffer {
  return Buffer.from(JSON.stringify({ targetArtifact: { mediaType, digest, size } }));
}

const scheme = 'io.cncf.notary.signingScheme';
const signingTime = 'io.cncf.notary.signingTime';
const timestampHeader = 'io.cncf.notary.timestampSignature';
const payloadType = 'application/vnd.cncf.notary.payload.v1+json';

function signature(key: KeyObject, algorithm: Algorithm, data: Buffer): Buffer {
  const hash = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith('ES')) return sign(hash, data, { key, dsaEncoding: 'ieee-p1363' });
  return sign(hash, data, {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  });
}

/** Signs as notation does in JSON. */
export async function signJws(signer: Signer, artifact: Descriptor, options: SignOptions = {}): Promise<Buffer> {
  const algorithm = options.algorithm ?? algorithmFor(signer.privateKey) ?? 'ES256';
  const header = {
    alg: algorithm,
    cty: options.contentType ?? payloadType,
    crit: options.critical ?? [scheme],
    [scheme]: 'notary.x509',
    [signingTime]: new Date().toISOString().replace(/\.\d+/, ''),
    ...options.headers,
  };
  const encoded = Buffer.from(JSON.stringify(header)).toString('base64url');
  const payload = (options.payload ?? notaryPayload(artifact)).toString('base64url');
  const made = signature(signer.privateKey, algorithm, Buffer.from(`${encoded}.${payload}`));
  const token = await options.timestamp?.(made);
  return Buffer.from(
    JSON.stringify({
      payload,
      protected: encoded,
      header: {
        x5c: (options.chain ?? signer.chain).map(der => der.toString('base64')),
        ...(token ? { [timestampHeader]: token.toString('base64') } : {}),
      },
      signature: (options.signature?.(made) ?? made).toString('base64url'),
    }),
  );
}

const labels: Partial<Record<Algorithm, number>> = { PS256: -37, PS384: -38, ES256: -7, ES384: -35, ES512: -36 };

/** Signs as notation does in CBOR. */
export async function signCose(signer: Signer, artifact: Descriptor, options: SignOptions = {}): Promise<Buffer> {
  const algorithm = options.algorithm ?? algorithmFor(signer.privateKey) ?? 'ES256';
  const signedHeaders = new Map<unknown, unknown>([
    [1, labels[algorithm]],
    [2, options.critical ?? [scheme]],
    [3, options.contentType ?? payloadType],
    [scheme, 'notary.x509'],
    [signingTime, new Tag(1, Math.floor(Date.now() / 1000))],
  ]);
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value === undefined) signedHeaders.delete(name);
    else signedHeaders.set(name, value);
  }
  const rawHeaders = encode(signedHeaders);
  const payload = new Uint8Array(options.payload ?? notaryPayload(artifact));
  const structure = encode(['Signature1', rawHeaders, new Uint8Array(0), payload]);
  const made = signature(signer.privateKey, algorithm, Buffer.from(structure));
  const token = await options.timestamp?.(made);
  const unsigned = new Map<unknown, unknown>([
    [33, (options.chain ?? signer.chain).map(der => new Uint8Array(der))],
    ...(token ? [[timestampHeader, new Uint8Array(token)] as const] : []),
  ]);
  const last = new Uint8Array(options.signature?.(made) ?? made);
  return Buffer.from(encode(new Tag(18, [rawHeaders, unsigned, payload, last])));
}

/** Puts an envelope beside the artifact that it is of. */
export function pushEnvelope(
  registry: MemoryRegistry,
  subject: Descriptor,
  envelope: Buffer,
  mediaType = 'application/jose+json',
): void {
  const layer = registry.blob(envelope, mediaType);
  const config = registry.blob(Buffer.from('{}'), 'application/vnd.cncf.notary.signature');
  registry.put({ config, layers: [layer], subject });
}
