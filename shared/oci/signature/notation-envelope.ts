import { constants, type KeyObject, verify } from 'node:crypto';
import type { SignatureError } from './errors.ts';
import { SignatureError as Failure } from './errors.ts';

/** Algorithms that the Notary Project's signatures may use, by their names in JWS. */
export const algorithms = ['PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'] as const;
export type Algorithm = (typeof algorithms)[number];

/** Who vouches for the time of signing: nobody (or a timestamping authority), or the authority that signs for others. */
export const schemes = ['notary.x509', 'notary.x509.signingAuthority'] as const;
export type SigningScheme = (typeof schemes)[number];

/** A header of the signed ones that the specification does not know. */
export interface ExtendedAttribute {
  value: unknown;
  /** Who does not understand it must refuse the signature. */
  critical: boolean;
}

/** A signature of the Notary Project, the same for both of its formats. Nothing of it is verified yet. */
export interface Envelope {
  contentType: string;
  payload: Buffer;
  algorithm: Algorithm;
  /** The bytes that the signature is over. */
  signed: Buffer;
  signature: Buffer;
  /** DER, from the one who signed to the root. */
  chain: Buffer[];
  scheme: SigningScheme;
  signingTime: Date;
  expiry: Date | undefined;
  extended: Map<string, ExtendedAttribute>;
  /** A timestamp token (RFC 3161) over the signature. */
  timestamp: Buffer | undefined;
}

export const headers = {
  scheme: 'io.cncf.notary.signingScheme',
  signingTime: 'io.cncf.notary.signingTime',
  authenticSigningTime: 'io.cncf.notary.authenticSigningTime',
  expiry: 'io.cncf.notary.expiry',
  timestamp: 'io.cncf.notary.timestampSignature',
} as const;

/** What the signed headers say, as both formats write them. */
export interface SignedHeaders {
  scheme: SigningScheme;
  signingTime: Date | undefined;
  authenticSigningTime: Date | undefined;
  expiry: Date | undefined;
  critical: string[];
  /** Everything else. */
  others: Map<string, unknown>;
}

/** Checks what must, and what must not, be among the signed headers. Throws SignatureError InvalidSignature. */
export function checkedHeaders(given: SignedHeaders): Pick<Envelope, 'scheme' | 'signingTime' | 'expiry' | 'extended'> {
  const { scheme, expiry, critical, others } = given;
  const byAuthority = scheme === 'notary.x509.signingAuthority';
  const signingTime = byAuthority ? given.authenticSigningTime : given.signingTime;
  const misplaced = byAuthority ? given.signingTime : given.authenticSigningTime;
  if (!signingTime || misplaced) throw invalid(`its time of signing does not fit its signing scheme ${scheme}`);
  if (expiry && expiry <= signingTime) throw invalid('it expires before it was signed');
  const needed = [
    headers.scheme,
    ...(byAuthority ? [headers.authenticSigningTime] : []),
    ...(expiry ? [headers.expiry] : []),
  ];
  const unmarked = needed.find(header => !critical.includes(header));
  if (unmarked) throw invalid(`its header ${unmarked} is not marked as critical`);
  const present: string[] = [
    headers.scheme,
    byAuthority ? headers.authenticSigningTime : headers.signingTime,
    ...(expiry ? [headers.expiry] : []),
  ];
  const missing = critical.find(header => !present.includes(header) && !others.has(header));
  if (missing) throw invalid(`its critical header ${missing.slice(0, 100)} is not there`);
  const extended = new Map(
    [...others].map(([name, value]) => [name, { value, critical: critical.includes(name) }] as const),
  );
  return { scheme, signingTime, expiry, extended };
}

/** Whether the signature is over what is signed, with the only algorithm that its key may be used with. */
export function hasGoodSignature({ algorithm, signed, signature }: Envelope, key: KeyObject): boolean {
  if (algorithmFor(key) !== algorithm) return false;
  const hash = `sha${algorithm.slice(2)}`;
  const options = algorithm.startsWith('ES')
    ? { key, dsaEncoding: 'ieee-p1363' as const }
    : { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
  try {
    return verify(hash, signed, options, signature);
  } catch {
    return false;
  }
}

/** The algorithm of a key (Notary Project, signature specification, algorithm selection); undefined for keys that may not sign. */
export function algorithmFor(key: KeyObject): Algorithm | undefined {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa')
    return ({ 2048: 'PS256', 3072: 'PS384', 4096: 'PS512' } as const)[modulusLength ?? 0];
  if (key.asymmetricKeyType === 'ec')
    return ({ prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' } as Partial<Record<string, Algorithm>>)[
      namedCurve ?? ''
    ];
  return undefined;
}

export function invalid(message: string, cause?: unknown): SignatureError {
  return new Failure('InvalidSignature', message, cause === undefined ? {} : { cause });
}
