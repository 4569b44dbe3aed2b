import 'reflect-metadata';
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const sctList = '1.3.6.1.4.1.11129.2.4.2';
const issuerExtension = '1.3.6.1.4.1.57264.1.1';
const codeSigning = '1.3.6.1.5.5.7.3.3';

/** A log: of certificates, or of signatures. */
class Log {
  readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly url: string;
  constructor(url: string) {
    this.url = url;
  }
  get spki(): Buffer {
    return this.keys.publicKey.export({ type: 'spki', format: 'der' });
  }
  get id(): Buffer {
    return createHash('sha256').update(this.spki).digest();
  }
  sign(data: Buffer | string): Buffer {
    return sign('sha256', Buffer.from(data), this.keys.privateKey);
  }
  /** As trusted_root.json names it. */
  get trusted(): object {
    return {
      baseUrl: this.url,
      hashAlgorithm: 'SHA2_256',
      publicKey: {
        rawBytes: this.spki.toString('base64'),
        keyDetails: 'PKIX_ECDSA_P256_SHA_256',
        validFor: { start: '2024-01-01T00:00:00Z' },
      },
      logId: { keyId: this.id.toString('base64') },
    };
  }
}

/** A certificate for one signature, and its key. */
export interface SigningCertificate {
  pem: string;
  der: Buffer;
  privateKey: KeyObject;
}

export interface CertificateWish {
  issuer?: string;
  subject?: string;
  /** Epoch ms; ten minutes before now, when absent. */
  notBefore?: number;
  /** False: its log of certificates was not told. */
  logged?: boolean;
  /** Of extended key usage; that for signing code when absent. */
  usage?: string;
}

export interface LogEntry {
  body: Buffer;
  /** Epoch seconds. */
  integratedTime: number;
  logIndex: number;
  logId: Buffer;
  set: Buffer;
}

/** A Sigstore of one's own: a certificate authority as Fulcio, a log of certificates, and a log of signatures as Rekor. */
export class PrivateSigstore {
  readonly rekor: Log;
  readonly ct = new Log('https://ctfe.example.com/2026');
  #root!: x509.X509Certificate;
  #keys!: webcrypto.CryptoKeyPair;

  private constructor(rekor: string) {
    this.rekor = new Log(rekor);
  }

  /** `rekor`: address of its log of signatures. */
  static async create(rekor = 'https://rekor.example.com'): Promise<PrivateSigstore> {
    const made = new PrivateSigstore(rekor);
    x509.cryptoProvider.set(webcrypto);
    made.#keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    made.#root = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: 'O=example, CN=fulcio',
      notBefore: new Date('2024-01-01T00:00:00Z'),
      notAfter: new Date('2044-01-01T00:00:00Z'),
      signingAlgorithm: algorithm,
      keys: made.#keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 1, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(made.#keys.publicKey),
      ],
    });
    return made;
  }

  /** DER of a timestamping authority's chain, when there is one. */
  timestamps: Buffer[] = [];

  get trustedRoot(): Buffer {
    const certificates = this.timestamps.map(der => ({ rawBytes: der.toString('base64') }));
    const authority = { subject: { organization: 'example', commonName: 'tsa' }, uri: 'https://tsa.example.com' };
    const certificate = { rawBytes: Buffer.from(this.#root.rawData).toString('base64') };
    return Buffer.from(
      JSON.stringify({
        mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
        tlogs: [this.rekor.trusted],
        certificateAuthorities: [
          {
            subject: { organization: 'example', commonName: 'fulcio' },
            uri: 'https://fulcio.example.com',
            certChain: { certificates: [certificate] },
            validFor: { start: '2024-01-01T00:00:00Z' },
          },
        ],
        ctlogs: [this.ct.trusted],
        ...(certificates.length > 0
          ? {
              timestampAuthorities: [
                { ...authority, certChain: { certificates }, validFor: { start: '2024-01-01T00:00:00Z' } },
              ],
            }
          : {}),
      }),
    );
  }

  /** Signs somebody in and gives them a certificate of ten minutes. */
  async certificate(wish: CertificateWish = {}): Promise<SigningCertificate> {
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    const notBefore = Math.floor((wish.notBefore ?? Date.now() - 300_000) / 1000) * 1000;
    const extensions = [
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([wish.usage ?? codeSigning]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
      new x509.SubjectAlternativeNameExtension(
        [{ type: 'url', value: wish.subject ?? 'https://ci.example.com/podinfo' }],
        true,
      ),
      new x509.Extension(issuerExtension, false, Buffer.from(wish.issuer ?? 'https://oidc.example.com')),
    ];
    const make = (more: x509.Extension[]) =>
      x509.X509CertificateGenerator.create({
        serialNumber: '0a11',
        subject: '',
        issuer: this.#root.subject,
        notBefore: new Date(notBefore),
        notAfter: new Date(notBefore + 600_000),
        signingAlgorithm: algorithm,
        publicKey: keys.publicKey,
        signingKey: this.#keys.privateKey,
        extensions: [...extensions, ...more],
      });
    const before = await make([]);
    const made = wish.logged === false ? before : await make([this.#logged(before, notBefore)]);
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    const { createPrivateKey } = await import('node:crypto');
    return {
      pem: `${made.toString('pem')}\n`,
      der: Buffer.from(made.rawData),
      privateKey: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }),
    };
  }

  /** The log's word that it has seen the certificate (RFC 6962), as an extension of it. */
  #logged(certificate: x509.X509Certificate, time: number): x509.Extension {
    const tbs = tbsOf(Buffer.from(certificate.rawData));
    const issuer = createHash('sha256').update(Buffer.from(this.#root.publicKey.rawData)).digest();
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(BigInt(time));
    const length = Buffer.alloc(3);
    length.writeUIntBE(tbs.length, 0, 3);
    const none = Buffer.from([0, 0]);
    const signature = this.ct.sign(
      Buffer.concat([Buffer.from([0, 0]), stamp, Buffer.from([0, 1]), issuer, length, tbs, none]),
    );
    const sct = Buffer.concat([
      Buffer.from([0]),
      this.ct.id,
      stamp,
      none,
      Buffer.from([4, 3]),
      lengthOf(signature),
      signature,
    ]);
    const entry = Buffer.concat([lengthOf(sct), sct]);
    const list = Buffer.concat([lengthOf(entry), entry]);
    return new x509.Extension(sctList, false, octetString(list));
  }

  /** What the log of signatures says of one: `body` as Rekor keeps it. `integratedTime`: epoch seconds. */
  log(body: object, integratedTime = Math.floor(Date.now() / 1000)): LogEntry {
    const bytes = Buffer.from(canonical(body));
    const payload = {
      body: bytes.toString('base64'),
      integratedTime,
      logID: this.rekor.id.toString('hex'),
      logIndex: 7,
    };
    return { body: bytes, integratedTime, logIndex: 7, logId: this.rekor.id, set: this.rekor.sign(canonical(payload)) };
  }

  /** The proof that the entry is in the log, which has no other. */
  proof({ body }: LogEntry): object {
    const root = createHash('sha256')
      .update(Buffer.concat([Buffer.from([0]), body]))
      .digest();
    const note = `rekor.example.com - 1\n1\n${root.toString('base64')}\n`;
    const signed = Buffer.concat([this.rekor.id.subarray(0, 4), this.rekor.sign(note)]).toString('base64');
    return {
      logIndex: '0',
      rootHash: root.toString('base64'),
      treeSize: '1',
      hashes: [],
      checkpoint: { envelope: `${note}\n\u2014 rekor.example.com ${signed}\n` },
    };
  }
}

/** The entry of Rekor for a signature over bytes with this SHA-256. */
export function hashedRekord(sha256: string, signature: Buffer, pem: string): object {
  return {
    apiVersion: '0.0.1',
    kind: 'hashedrekord',
    spec: {
      data: { hash: { algorithm: 'sha256', value: sha256 } },
      signature: {
        content: signature.toString('base64'),
        publicKey: { content: Buffer.from(pem).toString('base64') },
      },
    },
  };
}

/** The entry of Rekor for a DSSE envelope. */
export function dsseEntry(envelope: object, payload: Buffer, signature: Buffer, pem: string): object {
  const hash = (data: Buffer | string) => ({
    algorithm: 'sha256',
    value: createHash('sha256').update(data).digest('hex'),
  });
  return {
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: {
      envelopeHash: hash(JSON.stringify(envelope)),
      payloadHash: hash(payload),
      signatures: [{ signature: signature.toString('base64'), verifier: Buffer.from(pem).toString('base64') }],
    },
  };
}

export function publicPem(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
}

function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`;
}

function lengthOf(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return length;
}

function octetString(bytes: Buffer): Buffer {
  const length = bytes.length < 128 ? [bytes.length] : [0x81, bytes.length];
  return Buffer.concat([Buffer.from([4, ...length]), bytes]);
}

/** The part of a certificate that is signed. */
function tbsOf(der: Buffer): Buffer {
  const start = headerOf(der, 0);
  const inner = headerOf(der, start.body);
  return der.subarray(start.body, inner.body + inner.length);
}

function headerOf(der: Buffer, at: number): { body: number; length: number } {
  const first = der[at + 1] ?? 0;
  if (first < 128) return { body: at + 2, length: first };
  const bytes = first & 127;
  return { body: at + 2 + bytes, length: der.readUIntBE(at + 2, bytes) };
}
