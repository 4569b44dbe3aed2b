import { createHash, createPrivateKey, type KeyObject, randomUUID, sign, X509Certificate } from 'node:crypto';
import { notSignedIn } from './errors.ts';

const variable = 'AZURE_CLIENT_CERTIFICATE_PATH';

/**
 * What proves to Entra ID that we hold the certificate's key: a token that it signs (RS256). `pem`: certificate and key, the
 * key encrypted or not; `endpoint`: the token endpoint, for which alone it is good, ten minutes. Throws CloudError.
 */
export function clientAssertion(options: {
  pem: string;
  password: string | undefined;
  client: string;
  endpoint: string;
  now: number;
  /** Sends the certificates too, for applications that know their issuer and subject only. */
  sendChain?: boolean;
}): string {
  const { client, endpoint, now } = options;
  const { certificate, chain, key } = partsOf(options.pem, options.password);
  const seconds = Math.floor(now / 1000);
  const thumbprint = createHash('sha256').update(certificate.raw).digest('base64url');
  const header = { alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint, ...(options.sendChain ? { x5c: chain } : {}) };
  const claims = {
    aud: endpoint,
    iss: client,
    sub: client,
    jti: randomUUID(),
    nbf: seconds - 60,
    iat: seconds,
    exp: seconds + 600,
  };
  const content = `${encode(header)}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(content), { key, padding: rsaPssPadding, saltLength: 32 });
  return `${content}.${signature.toString('base64url')}`;
}

/** constants.RSA_PKCS1_PSS_PADDING */
const rsaPssPadding = 6;

interface Parts {
  certificate: X509Certificate;
  /** All certificates, base64 of DER. */
  chain: string[];
  key: KeyObject;
}

function partsOf(pem: string, passphrase: string | undefined): Parts {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const [certificate] = certificates;
  const key = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/.exec(pem)?.[0];
  if (!certificate || !key)
    throw notSignedIn(`the file that ${variable} names holds no PEM certificate with its private key`);
  try {
    return {
      certificate: new X509Certificate(certificate),
      chain: certificates.map(one => new X509Certificate(one).raw.toString('base64')),
      key: createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) }),
    };
  } catch (cause) {
    throw notSignedIn(
      `certificate and key of the file that ${variable} names cannot be used (AZURE_CLIENT_CERTIFICATE_PASSWORD is for encrypted keys)`,
      { cause },
    );
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
