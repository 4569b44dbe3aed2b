import { constants, type KeyObject, verify, webcrypto } from 'node:crypto';

/** Hashes of SHA-2 by their OIDs; what is signed or stamped with others (SHA-1) is not relied on. */
const hashes: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
/** Algorithms that name their hash: RSA (PKCS 1) and ECDSA. */
const withHash: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
};
/** Algorithms whose hash is said beside them. */
const withoutHash: readonly string[] = ['1.2.840.113549.1.1.1', '1.2.840.10045.2.1'];
const pss = '1.2.840.113549.1.1.10';

/** The hash of an OID, as node:crypto names it; undefined for what is not relied on. */
export function hashOf(oid: string): string | undefined {
  return hashes[oid];
}

/** Whether a signature in one of the older formats (CMS, OCSP, CRL) is the key's. `digest`: OID of the hash that is said beside the algorithm. */
export function isSignedWith(
  key: KeyObject,
  algorithm: string,
  data: Buffer,
  signature: Buffer,
  digest?: string,
): boolean {
  const beside = digest === undefined ? undefined : hashOf(digest);
  const hash = withHash[algorithm] ?? (withoutHash.includes(algorithm) || algorithm === pss ? beside : undefined);
  if (!hash) return false;
  const padding = algorithm === pss ? { padding: constants.RSA_PKCS1_PSS_PADDING } : {};
  try {
    return verify(hash, data, { key, ...padding }, signature);
  } catch {
    return false;
  }
}

/** Loads the library that reads those formats. */
export async function pkiLibrary(): Promise<typeof import('pkijs')> {
  const library = await import('pkijs');
  library.setEngine('node', new library.CryptoEngine({ name: 'node', crypto: webcrypto as never }));
  return library;
}
