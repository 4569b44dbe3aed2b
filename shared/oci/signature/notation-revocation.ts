import { X509Certificate as NodeCertificate } from 'node:crypto';
import type { AuthorityInfoAccessExtension, CRLDistributionPointsExtension } from '@peculiar/x509';
import type {
  BasicOCSPResponse,
  CertificateRevocationList,
  IssuingDistributionPoint,
  Certificate as PkiCertificate,
} from 'pkijs';
import type { HttpClient } from '../../network/http.ts';
import { type Certificate, nameOf } from './notation-chain.ts';
import { isSignedWith, pkiLibrary } from './signed-asn1.ts';

const oids = {
  access: '1.3.6.1.5.5.7.1.1',
  crl: '2.5.29.31',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
  scope: '2.5.29.28',
} as const;
/** Extensions of a list that are understood: numbers, the issuer's key, and its scope. Another that is critical may change what it says. */
const understood = new Set(['2.5.29.20', '2.5.29.35', '2.5.29.28']);
/** Bytes. */
const ocspLimit = 2 ** 20;
const crlLimit = 16 * 2 ** 20;

/** Milliseconds by which the clocks of others may be ahead. */
const skewMs = 5 * 60_000;

/** What is known of a certificate; `unknown` with why. */
type Status = 'good' | 'revoked' | { unknown: string };

export interface Lookup {
  http: HttpClient;
  now: Date;
}

/**
 * Why a certificate of the chain cannot be relied on: it was revoked, or whoever knows cannot be asked or says nothing. Asked is
 * the OCSP server that the certificate names, and when that does not help, its list of revocations; one that names neither
 * cannot be revoked, nor can the root. Everything is verified by the issuer's key. As in Flux, these answers are not kept.
 */
export async function revocationProblem(chain: Certificate[], lookup: Lookup): Promise<string | undefined> {
  for (const [index, certificate] of chain.slice(0, -1).entries()) {
    const status = await statusOf(certificate, chain[index + 1]!, lookup);
    if (status === 'revoked') return `${nameOf(certificate)} is revoked`;
    if (status !== 'good') return `whether ${nameOf(certificate)} is revoked is unknown: ${status.unknown}`;
  }
  return undefined;
}

async function statusOf(certificate: Certificate, issuer: Certificate, lookup: Lookup): Promise<Status> {
  const access = certificate.parsed.getExtension<AuthorityInfoAccessExtension>(oids.access);
  const points = certificate.parsed.getExtension<CRLDistributionPointsExtension>(oids.crl);
  const servers = (access?.ocsp ?? []).filter(({ type }) => type === 'url').map(({ value }) => value);
  const lists = (points?.distributionPoints ?? [])
    .flatMap(({ distributionPoint }) => distributionPoint?.fullName ?? [])
    .flatMap(({ uniformResourceIdentifier: url }) => (url ? [url] : []));
  if (servers.length + lists.length === 0)
    return points || access?.ocsp.length ? { unknown: 'it names no address to ask' } : 'good';
  const problems: string[] = [];
  const asks = [
    ...servers.map(url => () => askServer(url, certificate, issuer, lookup)),
    ...lists.map(url => () => askList(url, certificate, issuer, lookup)),
  ];
  for (const ask of asks) {
    const status = await ask().catch(error => ({ unknown: error instanceof Error ? error.message : String(error) }));
    if (typeof status === 'string') return status;
    problems.push(status.unknown);
  }
  return { unknown: problems.join('; ') };
}

async function askServer(url: string, certificate: Certificate, issuer: Certificate, lookup: Lookup): Promise<Status> {
  const pki = await pkiLibrary();
  const [subject, by] = [certificate, issuer].map(({ der }) => pki.Certificate.fromBER(der)) as [
    PkiCertificate,
    PkiCertificate,
  ];
  const request = new pki.OCSPRequest();
  await request.createForCertificate(subject, { hashAlgorithm: 'SHA-256', issuerCertificate: by });
  const body = Buffer.from(request.toSchema(true).toBER());
  const headers = { 'content-type': 'application/ocsp-request', accept: 'application/ocsp-response' };
  const answer = await lookup.http.read({ method: 'POST', url, headers, body }, ocspLimit);
  if (answer.status !== 200) return { unknown: `the OCSP server answers ${answer.status}` };
  const basic = basicOf(pki, answer.body);
  if (!basic) return { unknown: 'the OCSP server gives no answer' };
  if (!isByResponder(basic, issuer, lookup.now))
    return { unknown: "the OCSP server's answer is not signed by the issuer" };
  const { responses } = basic.tbsResponseData;
  const current = responses.every(({ thisUpdate, nextUpdate }) => isCurrent(thisUpdate, nextUpdate, lookup.now));
  if (!current) return { unknown: "the OCSP server's answer is not of this time" };
  const { isForCertificate, status } = await basic.getCertificateStatus(subject, by);
  if (!isForCertificate || status === 2) return { unknown: 'the OCSP server does not know it' };
  return status === 0 ? 'good' : 'revoked';
}

/** Whether an answer is of now: one without an end could be of any time since. */
function isCurrent(from: Date, to: Date | undefined, now: Date): boolean {
  return from.getTime() <= now.getTime() + skewMs && to !== undefined && now < to;
}

function basicOf(pki: typeof import('pkijs'), body: Buffer): BasicOCSPResponse | undefined {
  const response = pki.OCSPResponse.fromBER(body);
  const bytes = response.responseBytes;
  if (response.responseStatus.valueBlock.valueDec !== 0 || !bytes) return undefined;
  if (bytes.responseType !== '1.3.6.1.5.5.7.48.1.1') return undefined;
  return pki.BasicOCSPResponse.fromBER(bytes.response.valueBlock.valueHexView);
}

/** Whether the answer is signed by the issuer, or by whom the issuer gave a certificate for that. */
function isByResponder(basic: BasicOCSPResponse, issuer: Certificate, now: Date): boolean {
  const delegates = (basic.certs ?? [])
    .map(certificate => new NodeCertificate(Buffer.from(certificate.toSchema(true).toBER())))
    .filter(
      certificate =>
        certificate.keyUsage?.includes(oids.ocspSigning) &&
        certificate.verify(issuer.node.publicKey) &&
        certificate.validFromDate <= now &&
        now <= certificate.validToDate,
    );
  const data = Buffer.from(basic.tbsResponseData.tbsView);
  const signature = Buffer.from(basic.signature.valueBlock.valueHexView);
  const { algorithmId } = basic.signatureAlgorithm;
  return [issuer.node, ...delegates].some(({ publicKey }) => isSignedWith(publicKey, algorithmId, data, signature));
}

async function askList(url: string, certificate: Certificate, issuer: Certificate, lookup: Lookup): Promise<Status> {
  const pki = await pkiLibrary();
  const answer = await lookup.http.read({ url }, crlLimit);
  if (answer.status !== 200) return { unknown: `the server of the list of revocations answers ${answer.status}` };
  const list = pki.CertificateRevocationList.fromBER(answer.body);
  if (!isByIssuer(list, issuer)) return { unknown: 'the list of revocations is not signed by the issuer' };
  if (!isCurrent(list.thisUpdate.value, list.nextUpdate?.value, lookup.now))
    return { unknown: 'the list of revocations is not of this time' };
  const extensions = list.crlExtensions?.extensions ?? [];
  const strange = extensions.find(({ critical, extnID }) => critical && !understood.has(extnID));
  if (strange) return { unknown: `the list of revocations is of a kind that is not understood (${strange.extnID})` };
  const scope = extensions.find(({ extnID }) => extnID === oids.scope);
  if (scope && !isFor(scope.parsedValue as IssuingDistributionPoint, certificate, url))
    return { unknown: 'the list of revocations is not one of such certificates' };
  const serial = serialOf(certificate.parsed.serialNumber);
  const entries = list.revokedCertificates ?? [];
  const revoked = entries.some(
    ({ userCertificate }) => serialOf(Buffer.from(userCertificate.valueBlock.valueHexView).toString('hex')) === serial,
  );
  return revoked ? 'revoked' : 'good';
}

/** Whether a list that is not of all the issuer's certificates (RFC 5280, 5.2.5) is of this one, and was got where it belongs. */
function isFor(scope: IssuingDistributionPoint, { node }: Certificate, url: string): boolean {
  const { distributionPoint: point, onlySomeReasons, indirectCRL, onlyContainsAttributeCerts } = scope;
  if (onlySomeReasons !== undefined || indirectCRL || onlyContainsAttributeCerts) return false;
  if (scope.onlyContainsCACerts && !node.ca) return false;
  if (scope.onlyContainsUserCerts && node.ca) return false;
  return point === undefined || (Array.isArray(point) && point.some(name => name.type === 6 && name.value === url));
}

function isByIssuer(list: CertificateRevocationList, { node, parsed }: Certificate): boolean {
  const name = Buffer.from(list.issuer.toSchema().toBER());
  if (!name.equals(Buffer.from(parsed.subjectName.toArrayBuffer()))) return false;
  const signature = Buffer.from(list.signatureValue.valueBlock.valueHexView);
  return isSignedWith(node.publicKey, list.signatureAlgorithm.algorithmId, Buffer.from(list.tbsView), signature);
}

function serialOf(hex: string): string {
  return hex.toLowerCase().replace(/^0+/, '');
}
