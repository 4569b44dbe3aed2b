import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';

export interface Certificates {
  /** PEM of the authority that signed the server's certificate. */
  ca: string;
  cert: string;
  key: string;
}

interface Pair {
  cert: string;
  key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const day = 86_400_000;

/**
 * The server's certificate for `host`, and the authority that vouches for it. Both are kept in `dir`: the authority for ten
 * years, so that kubeconfigs stay good; the server's own is made anew when it has less than 30 days left or is for another host.
 */
export async function certificates(dir: string, host: string, now: Date): Promise<Certificates> {
  const ca = existing(dir, 'ca', now) ?? (await makeAuthority(dir, now));
  const server = existing(dir, 'server', now, host);
  if (server && new X509Certificate(server.cert).checkIssued(new X509Certificate(ca.cert)))
    return { ca: ca.cert, ...server };
  return { ca: ca.cert, ...(await makeServer(dir, ca, host, now)) };
}

function existing(dir: string, name: string, now: Date, host?: string): Pair | undefined {
  const [certFile, keyFile] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
  if (!existsSync(certFile) || !existsSync(keyFile)) return undefined;
  const pair = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  const certificate = new X509Certificate(pair.cert);
  if (Date.parse(certificate.validTo) - now.getTime() < 30 * day) return undefined;
  if (host && !(isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host))) return undefined;
  return pair;
}

function keep(dir: string, name: string, pair: Pair): Pair {
  const keyFile = join(dir, `${name}.key`);
  writeFileSync(keyFile, pair.key, { mode: 0o600 });
  chmodSync(keyFile, 0o600);
  writeFileSync(join(dir, `${name}.crt`), pair.cert);
  return pair;
}

async function library(): Promise<typeof import('@peculiar/x509')> {
  // The library's dependency injection wants it first; only a new certificate pays for loading either.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto as never);
  return x509;
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

function validity(now: Date, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now.getTime() - day), notAfter: new Date(now.getTime() + days * day) };
}

async function makeAuthority(dir: string, now: Date): Promise<Pair> {
  const x509 = await library();
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=sluice-sandbox-ca',
    serialNumber: randomBytes(16).toString('hex'),
    ...validity(now, 3650),
    signingAlgorithm: algorithm,
    keys: keys as never,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never),
    ],
  });
  return keep(dir, 'ca', { cert: certificate.toString('pem'), key: await pemOf(keys.privateKey) });
}

async function makeServer(dir: string, ca: Pair, host: string, now: Date): Promise<Pair> {
  const x509 = await library();
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const der = createPrivateKey(ca.key).export({ format: 'der', type: 'pkcs8' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der as never, algorithm, false, ['sign']);
  const issuer = new x509.X509Certificate(ca.cert);
  const names = [...new Set([host, '127.0.0.1', '::1', 'localhost', 'kubernetes.default.svc'])];
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=sluice-sandbox',
    issuer: issuer.subject,
    serialNumber: randomBytes(16).toString('hex'),
    ...validity(now, 365),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey as never,
    signingKey: signingKey as never,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map(value => ({ type: isIP(value) ? 'ip' : 'dns', value }))),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return keep(dir, 'server', { cert: certificate.toString('pem'), key: await pemOf(keys.privateKey) });
}
