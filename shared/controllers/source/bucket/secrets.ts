import { createHash } from 'node:crypto';
import type { Bucket } from '../../../api/source/bucket.ts';
import type { TlsMaterial } from '../../../network/http.ts';
import type { ProxySettings } from '../../../network/proxy.ts';
import { RetryError } from '../../../reconcile/errors.ts';
import { proxyOf, readSecret, type SourceSecret, tlsOf } from '../secret.ts';
import type { SourceWork } from '../source.ts';

/** What the Secrets of a Bucket's spec hold. */
export interface BucketSecrets {
  own: SourceSecret | undefined;
  sts: { username: string; password: string } | undefined;
  tls: TlsMaterial;
  stsTls: TlsMaterial;
  proxy: ProxySettings | undefined;
}

/** Reads them. Throws RetryErrors AuthenticationFailed. */
export async function secretsOf({ cluster, object }: SourceWork<Bucket>): Promise<BucketSecrets> {
  const { spec, metadata } = object;
  const { namespace = '' } = metadata;
  const read = async (name: string | undefined, role = 'secret') =>
    name === undefined ? undefined : readSecret(cluster, namespace, name).catch(asRole(role));
  const own = await read(spec.secretRef?.name);
  const sts = await read(spec.sts?.secretRef?.name, 'STS secret');
  const proxy = await proxyOf(cluster, namespace, spec.proxySecretRef?.name).catch(within('failed to get proxy URL'));
  const cert = await read(spec.certSecretRef?.name).catch(within('failed to get TLS config'));
  const stsCert = await read(spec.sts?.certSecretRef?.name).catch(within('failed to get STS TLS config'));
  if (own) checkOwn(own, spec);
  return {
    own,
    sts: sts && stsUser(sts, spec.sts?.secretRef?.name ?? ''),
    // As Flux has it, only the S3 protocol knows certificates; to a server without TLS they mean nothing.
    tls: cert && !spec.insecure && (spec.provider === 'generic' || spec.provider === 'aws') ? tlsOf(cert) : {},
    stsTls: stsCert ? tlsOf(stsCert) : {},
    proxy,
  };
}

/** Throws the error with another word for the Secret. */
function asRole(role: string): (error: unknown) => never {
  return error => {
    if (role === 'secret' || !(error instanceof RetryError)) throw error;
    throw new RetryError(error.code, error.message.replace('failed to get secret', `failed to get ${role}`), {
      cause: error.cause,
    });
  };
}

function within(words: string): (error: unknown) => never {
  return error => {
    if (!(error instanceof RetryError)) throw error;
    throw new RetryError(error.code, `${words}: ${error.message}`, { cause: error.cause });
  };
}

/** Which keys the Secret of spec.secretRef must have, as Flux says it. */
function checkOwn(secret: SourceSecret, { provider, secretRef }: Bucket['spec']): void {
  const has = (key: string) => secret.keys.includes(key);
  const invalid = (what: string) =>
    new RetryError('AuthenticationFailed', `invalid '${secretRef?.name}' secret data: ${what}`);
  if (provider === 'gcp') {
    if (!has('serviceaccount')) throw invalid("required fields 'serviceaccount'");
  } else if (provider === 'azure') {
    if (!['clientId', 'accountKey', 'sasKey', 'authorityHost'].some(has))
      throw invalid(
        "requires a 'clientId' or 'accountKey' field, a combination of 'tenantId', 'clientId' and 'clientSecret', or 'tenantId', 'clientId' and 'clientCertificate'",
      );
  } else if (!has('accesskey') || !has('secretkey')) throw invalid("required fields 'accesskey' and 'secretkey'");
}

function stsUser(secret: SourceSecret, name: string): { username: string; password: string } {
  const username = secret.text('username');
  const password = secret.text('password');
  if (username !== undefined && password !== undefined) return { username, password };
  throw new RetryError(
    'AuthenticationFailed',
    `invalid '${name}' secret data for 'ldap' STS provider: required fields username, password`,
  );
}

/** Every value, in a fixed order. */
export function textsOf({ own, sts, tls, stsTls, proxy }: BucketSecrets): string[] {
  const values = own ? valuesOf(own) : [];
  const others = [sts, tls, stsTls, proxy].map(part => JSON.stringify(part ?? null));
  return [...values, ...others];
}

/** For caches in memory: the Secret's values cannot be read off it. */
export function fingerprintOf(secret: SourceSecret): string {
  return createHash('sha256')
    .update(JSON.stringify(valuesOf(secret)))
    .digest('hex');
}

function valuesOf(secret: SourceSecret): string[] {
  return secret.keys.toSorted().flatMap(key => [key, secret.bytes(key)?.toString('base64') ?? '']);
}
