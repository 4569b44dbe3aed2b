import { X509Certificate } from 'node:crypto';
import { SignatureError } from './errors.ts';
import type { SecretFile } from './request.ts';

/**
 * The certificate that a file of the Secret holds, in PEM or DER; of a PEM bundle the first, as in Flux: to trust the others,
 * too, would trust more than there. Throws SignatureError InvalidConfiguration.
 */
export function readCertificates({ name, bytes }: SecretFile, from: string): Buffer[] {
  const text = bytes.toString('latin1');
  const pem = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(text)?.[0];
  try {
    return [Buffer.from(new X509Certificate(pem ?? bytes).raw)];
  } catch (cause) {
    throw new SignatureError(
      'InvalidConfiguration',
      `failed to parse certificate '${name}' of secret '${from}': it is no certificate in PEM or DER`,
      { cause },
    );
  }
}
