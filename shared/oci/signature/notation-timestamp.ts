import { createHash } from 'node:crypto';
import type { ExtendedKeyUsageExtension } from '@peculiar/x509';
import type { AsnType, OctetString, Sequence } from 'asn1js';
import type { Attribute, SignedData, SignerInfo, TSTInfo } from 'pkijs';
import { type Certificate, checkAuthorities, isIssuedBy, nameOf, notValidAt, parseChain } from './notation-chain.ts';
import type { NotationTrust } from './notation-check.ts';
import type { Envelope } from './notation-envelope.ts';
import { revocationProblem } from './notation-revocation.ts';
import { hashOf, isSignedWith, pkiLibrary } from './signed-asn1.ts';

const oids = {
  signedData: '1.2.840.113549.1.7.2',
  stampInfo: '1.2.840.113549.1.9.16.1.4',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificate: '1.2.840.113549.1.9.16.2.47',
  extendedKeyUsage: '2.5.29.37',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  sha256: '2.16.840.1.101.3.4.2.1',
  /** The policy of ETSI whose stamps are exact to a second unless they say otherwise. */
  baselinePolicy: '0.4.0.2023.1.1',
} as const;

/**
 * Why the countersignature of a timestamping authority (RFC 3161) does not show that the certificates of the chain were valid
 * when they were signed with; undefined when it does. The authority has to lead to a certificate of the Secret.
 */
export async function timestampProblem(
  { timestamp, signature }: Envelope,
  chain: Certificate[],
  trust: NotationTrust,
): Promise<string | undefined> {
  if (!timestamp) return 'it has no timestamp, which the trust policy asks for';
  try {
    const stamp = await readStamp(timestamp, signature);
    if (typeof stamp === 'string') return stamp;
    const authority = await authorityChain(stamp, trust);
    if (typeof authority === 'string') return authority;
    const outside = notValidAt(chain, stamp.from, stamp.to);
    if (outside) return `${outside}, and its timestamp is of ${stamp.at.toISOString()}`;
    return await revocationProblem(authority, trust);
  } catch (error) {
    return `its timestamp cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}

interface Stamp {
  at: Date;
  /** Between these the time is, by the accuracy that the authority claims. */
  from: Date;
  to: Date;
  signer: Certificate;
  /** All certificates of the token. */
  certificates: Certificate[];
}

/** Verifies the token against the signature it is of, and against the certificate it names. Answers what is wrong, otherwise. */
async function readStamp(token: Buffer, signature: Buffer): Promise<Stamp | string> {
  const pki = await pkiLibrary();
  const content = pki.ContentInfo.fromBER(token);
  if (content.contentType !== oids.signedData) return 'its timestamp is no signed token';
  const signed = new pki.SignedData({ schema: content.content });
  const bytes = contentOf(signed);
  if (!bytes) return 'its timestamp holds no time';
  const info = pki.TSTInfo.fromBER(bytes);
  const imprint = hashOf(info.messageImprint.hashAlgorithm.algorithmId);
  const stamped = Buffer.from(info.messageImprint.hashedMessage.valueBlock.valueHexView);
  if (!imprint || !createHash(imprint).update(signature).digest().equals(stamped))
    return 'its timestamp is of another signature';
  const [signerInfo, second] = signed.signerInfos;
  if (!signerInfo || second) return 'its timestamp is not signed by one authority';
  const ders = (signed.certificates ?? []).flatMap(entry =>
    entry instanceof pki.Certificate ? [Buffer.from(entry.toSchema(true).toBER())] : [],
  );
  if (ders.length === 0) return 'its timestamp has no certificate';
  const certificates = await parseChain(ders);
  const signer = certificates.find(certificate => isNamed(certificate, signerInfo));
  if (!signer) return 'its timestamp does not name the certificate it is signed with';
  if (!isSigned(signerInfo, signer, bytes)) return 'the signature of its timestamp is not good';
  return { ...timesOf(info), signer, certificates };
}

function contentOf({ encapContentInfo }: SignedData): Buffer | undefined {
  const { eContent, eContentType } = encapContentInfo;
  return eContent && eContentType === oids.stampInfo ? Buffer.from(eContent.getValue()) : undefined;
}

function timesOf({ genTime, accuracy, policy }: TSTInfo): Pick<Stamp, 'at' | 'from' | 'to'> {
  const said = (accuracy?.seconds ?? 0) * 1000 + (accuracy?.millis ?? 0) + (accuracy?.micros ?? 0) / 1000;
  const ms = Math.ceil(said === 0 && policy === oids.baselinePolicy ? 1000 : said);
  return { at: genTime, from: new Date(genTime.getTime() - ms), to: new Date(genTime.getTime() + ms) };
}

function attribute(info: SignerInfo, type: string): AsnType | undefined {
  const found = info.signedAttrs?.attributes.find((one: Attribute) => one.type === type);
  return found?.values[0] as AsnType | undefined;
}

/** Whether the signed attributes name this certificate by its hash (RFC 5816), which the token's unsigned parts cannot change. */
function isNamed({ der }: Certificate, info: SignerInfo): boolean {
  const named = attribute(info, oids.signingCertificate) as Sequence | undefined;
  const list = named?.valueBlock.value[0] as Sequence | undefined;
  const [first, second] = (list?.valueBlock.value[0] as Sequence | undefined)?.valueBlock.value ?? [];
  if (!first) return false;
  const isHash = 'value' in first.valueBlock && first.idBlock.tagNumber === 16;
  const algorithm = isHash ? String((first as Sequence).valueBlock.value[0]?.valueBlock.toString()) : oids.sha256;
  const hash = hashOf(algorithm);
  const value = (isHash ? second : first) as OctetString | undefined;
  if (!hash || !value) return false;
  return createHash(hash).update(der).digest().equals(Buffer.from(value.valueBlock.valueHexView));
}

function isSigned(info: SignerInfo, { node }: Certificate, content: Buffer): boolean {
  const hash = hashOf(info.digestAlgorithm.algorithmId);
  const digest = attribute(info, oids.messageDigest) as OctetString | undefined;
  const type = attribute(info, oids.contentType);
  if (!hash || !digest || type?.valueBlock.toString() !== oids.stampInfo) return false;
  if (!createHash(hash).update(content).digest().equals(Buffer.from(digest.valueBlock.valueHexView))) return false;
  const signedBytes = Buffer.from(info.signedAttrs!.encodedValue);
  // What is signed is the set itself, not the field that it is in.
  signedBytes[0] = 0x31;
  const signature = Buffer.from(info.signature.valueBlock.valueHexView);
  const { algorithmId } = info.signatureAlgorithm;
  return isSignedWith(node.publicKey, algorithmId, signedBytes, signature, info.digestAlgorithm.algorithmId);
}

/** The chain from who stamped to a certificate of the Secret; or what is wrong with it. */
async function authorityChain(
  { signer, certificates, from, to }: Stamp,
  trust: NotationTrust,
): Promise<Certificate[] | string> {
  const usage = signer.parsed.getExtension<ExtendedKeyUsageExtension>(oids.extendedKeyUsage);
  if (!usage?.critical || usage.usages.map(String).join() !== oids.timeStamping)
    return `${nameOf(signer)}, which signed its timestamp, is not for timestamps alone`;
  const trusted = (await Promise.all(trust.certificates.map(der => parseChain([der])))).flat();
  const chain = [signer];
  for (let last = signer; !trusted.some(({ der }) => der.equals(last.der)); ) {
    const next = [...trusted, ...certificates].find(issuer => !chain.includes(issuer) && isIssuedBy(last, issuer));
    if (!next || chain.length > 8)
      return `${nameOf(signer)}, which signed its timestamp, does not lead to a certificate of the secret`;
    chain.push(next);
    last = next;
  }
  checkAuthorities(chain.slice(1));
  return notValidAt(chain, from, to) ?? chain;
}
