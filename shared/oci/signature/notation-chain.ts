import { X509Certificate as NodeCertificate } from 'node:crypto';
import type { KeyUsageFlags, X509Certificate } from '@peculiar/x509';
import { algorithmFor, invalid } from './notation-envelope.ts';

/** A certificate, as each of the libraries sees it. */
export interface Certificate {
  der: Buffer;
  /** For its signature and key. */
  node: NodeCertificate;
  /** For its extensions and names. */
  parsed: X509Certificate;
}

const oids = { keyUsage: '2.5.29.15', basicConstraints: '2.5.29.19', extendedKeyUsage: '2.5.29.37' } as const;

/** What a certificate that signs code must not be for, too. */
const foreignUsages: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': 'servers',
  '1.3.6.1.5.5.7.3.2': 'clients',
  '1.3.6.1.5.5.7.3.4': 'mail',
  '1.3.6.1.5.5.7.3.8': 'timestamps',
  '1.3.6.1.5.5.7.3.9': 'OCSP',
};

/** Loads the library that reads extensions; it wants metadata on classes. */
export async function x509Library(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** Parses certificates. Throws SignatureError InvalidSignature. */
export async function parseChain(chain: Buffer[]): Promise<Certificate[]> {
  const { X509Certificate: Parsed } = await x509Library();
  if (chain.length === 0 || chain.length > 10) throw invalid(`its chain has ${chain.length} certificates`);
  return chain.map((der, index) => {
    try {
      return { der, node: new NodeCertificate(der), parsed: new Parsed(der) };
    } catch (cause) {
      throw invalid(`certificate ${index + 1} of its chain cannot be read`, cause);
    }
  });
}

/**
 * Checks that each certificate is issued by the next, up to one that issued itself, and that each is for its place (Notary
 * Project, signature specification, certificate requirements). Times are another question. Throws SignatureError.
 */
export function checkSigningChain(chain: Certificate[]): void {
  const [leaf, ...authorities] = chain;
  if (!leaf) throw invalid('its chain has no certificate');
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1] ?? certificate;
    if (!isIssuedBy(certificate, issuer))
      throw invalid(
        issuer === certificate
          ? `its chain does not end with a root: ${nameOf(certificate)} is not self-signed`
          : `its chain is broken: ${nameOf(certificate)} is not issued by ${nameOf(issuer)}`,
      );
    if (issuer !== certificate && isIssuedBy(certificate, certificate))
      throw invalid(`its chain goes on after the root ${nameOf(certificate)}`);
  }
  checkAuthorities(authorities);
  checkSigner(leaf);
}

/** Checks that certificates that issued one another, the first one's below first, are authorities. Throws SignatureError. */
export function checkAuthorities(authorities: Certificate[]): void {
  for (const [depth, authority] of authorities.entries()) checkAuthority(authority, depth);
}

/** Whether the signature of `certificate` is `issuer`'s, and its issuer's name. */
export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  const names = Buffer.from(certificate.parsed.issuerName.toArrayBuffer());
  if (!names.equals(Buffer.from(issuer.parsed.subjectName.toArrayBuffer()))) return false;
  try {
    return certificate.node.verify(issuer.node.publicKey);
  } catch {
    return false;
  }
}

function checkAuthority({ parsed }: Certificate, depth: number): void {
  const constraints = parsed.getExtension<import('@peculiar/x509').BasicConstraintsExtension>(oids.basicConstraints);
  if (!constraints?.ca) throw invalid(`${nameOf({ parsed })} issued a certificate of its chain and is no authority`);
  if (constraints.pathLength !== undefined && constraints.pathLength < depth)
    throw invalid(`its chain is longer than ${nameOf({ parsed })} allows`);
  if (!(usageOf({ parsed }) & flags.keyCertSign)) throw invalid(`${nameOf({ parsed })} may not issue certificates`);
}

/** RFC 5280, 4.2.1.3; the library keeps them as an enumeration, which would have to be loaded for them. */
const flags = { digitalSignature: 1, keyCertSign: 32 } as const satisfies Record<string, KeyUsageFlags>;
/** Non-repudiation may be there beside it. */
const allowed = 1 | 2;

function checkSigner({ parsed, node }: Certificate): void {
  const constraints = parsed.getExtension<import('@peculiar/x509').BasicConstraintsExtension>(oids.basicConstraints);
  if (constraints?.ca) throw invalid(`${nameOf({ parsed })}, which signed, is an authority`);
  const usage = usageOf({ parsed });
  if (!(usage & flags.digitalSignature)) throw invalid(`${nameOf({ parsed })} is not for digital signatures`);
  if (usage & ~allowed) throw invalid(`${nameOf({ parsed })} is for more than digital signatures`);
  const extended = parsed.getExtension<import('@peculiar/x509').ExtendedKeyUsageExtension>(oids.extendedKeyUsage);
  const foreign = extended?.usages.map(String).find(oid => oid in foreignUsages);
  if (foreign) throw invalid(`${nameOf({ parsed })} is for ${foreignUsages[foreign]}, not for signing code`);
  if (!algorithmFor(node.publicKey))
    throw invalid(
      `${nameOf({ parsed })} has a key that may not be used: RSA of 2048, 3072 or 4096 bits, or EC P-256, P-384, P-521`,
    );
}

function usageOf({ parsed }: Pick<Certificate, 'parsed'>): number {
  const extension = parsed.getExtension<import('@peculiar/x509').KeyUsagesExtension>(oids.keyUsage);
  if (!extension?.critical) throw invalid(`${nameOf({ parsed })} has no critical key usage`);
  return extension.usages;
}

/** How messages name a certificate. */
export function nameOf({ parsed }: Pick<Certificate, 'parsed'>): string {
  return `certificate '${parsed.subject.slice(0, 200)}'`;
}

/** Why a certificate of the chain was not valid at some time between `from` and `to`; undefined when all were. */
export function notValidAt(chain: Certificate[], from: Date, to = from): string | undefined {
  for (const certificate of chain) {
    const { notBefore, notAfter } = certificate.parsed;
    if (from < notBefore) return `${nameOf(certificate)} is valid only from ${notBefore.toISOString()}`;
    if (to > notAfter) return `${nameOf(certificate)} expired at ${notAfter.toISOString()}`;
  }
  return undefined;
}
