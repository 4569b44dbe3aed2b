import { parseDuration } from '../../../api/duration.ts';
import type { HelmRepository } from '../../../api/source/helm-repository.ts';
import type { RepositoryAccess } from '../../../charts/http-repository.ts';
import { NetworkError } from '../../../network/errors.ts';
import { HttpClient, type TlsMaterial } from '../../../network/http.ts';
import type { RegistryCredentials } from '../../../oci/registry.ts';
import { RetryError } from '../../../reconcile/errors.ts';
import type { OciContext } from '../oci/access.ts';
import { basicOf, readSecret, type SourceSecret, tlsOf, unusableSecret } from '../secret.ts';

/** What of a HelmRepository says how it is reached. */
export type HelmAccessSpec = Pick<
  HelmRepository['spec'],
  'url' | 'type' | 'secretRef' | 'certSecretRef' | 'passCredentials' | 'timeout' | 'provider' | 'insecure'
>;

/** A repository's server, with who we are to it. */
export interface HelmAccess extends RepositoryAccess {
  spec: HelmAccessSpec;
  /** For a registry. */
  registry: RegistryCredentials | undefined;
  /** All by which the server is reached and told who asks: see Question in fetch-once.ts. */
  fingerprint: string[];
  timeoutMs: number;
  /** That of `http`: aborted at the end of spec.timeout, too. */
  signal: AbortSignal;
  close(): void;
}

const defaultTimeout = '60s';

/** spec.timeout in milliseconds. */
export function timeoutOf({ timeout }: Pick<HelmAccessSpec, 'timeout'>): number {
  return parseDuration(timeout ?? defaultTimeout);
}

/** Reads the Secrets that a HelmRepository names. Throws RetryError, CloudError or NetworkError. */
export async function openHelmAccess(work: OciContext, spec: HelmAccessSpec): Promise<HelmAccess> {
  const { cluster, key } = work;
  const read = (ref: { name: string } | undefined) => (ref ? readSecret(cluster, key.namespace, ref.name) : undefined);
  const [secret, certificates] = [await read(spec.secretRef), await read(spec.certSecretRef)];
  const tls = certificates ? certSecretTls(certificates) : secret ? legacyTls(secret) : {};
  const { signal, stop } = timeLimit(work.signal, spec);
  const http = new HttpClient({ tls, rules: { refuseLoopback: work.ports.refuseLoopback }, signal });
  const close = () => {
    stop();
    http.close();
  };
  try {
    const isRegistry = spec.type === 'oci';
    const registry = isRegistry ? await registryCredentials(work, spec, secret, http) : undefined;
    const credentials = secret && !isRegistry ? basicOf(secret) : undefined;
    const known = [credentials, registry?.credentials, registry?.lasting, tls, spec.passCredentials, spec.insecure];
    return {
      spec,
      url: spec.url,
      http,
      credentials,
      passCredentials: spec.passCredentials,
      registry: registry?.credentials,
      fingerprint: known.map(part => JSON.stringify(part ?? null)),
      timeoutMs: timeoutOf(spec),
      signal,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function certSecretTls(secret: SourceSecret): TlsMaterial {
  const tls = tlsOf(secret);
  if (!tls.ca && !tls.clientCert)
    throw unusableSecret(secret, "it must hold 'ca.crt', or 'tls.crt' and 'tls.key', or all three");
  return tls;
}

/** What the Secret of spec.secretRef may hold of TLS, also under the names that it had once. */
function legacyTls(secret: SourceSecret): TlsMaterial {
  const tls = tlsOf(secret);
  const [certFile, keyFile] = [secret.text('certFile'), secret.text('keyFile')];
  if (tls.clientCert !== undefined || (certFile === undefined && keyFile === undefined)) return tls;
  if (certFile === undefined || keyFile === undefined)
    throw unusableSecret(secret, "'certFile' and 'keyFile' must be set together");
  return { ...tls, clientCert: certFile, clientKey: keyFile };
}

/** Ends everything when spec.timeout is over. */
function timeLimit(signal: AbortSignal, spec: HelmAccessSpec): { signal: AbortSignal; stop: () => void } {
  const deadline = new AbortController();
  const where = spec.url.replace(/\/\/[^/@]*@/, '//');
  const message = `fetching from ${where} took longer than ${spec.timeout ?? defaultTimeout}; raise spec.timeout if it takes that long`;
  const timer = setTimeout(() => deadline.abort(new NetworkError('Timeout', message)), timeoutOf(spec));
  return { signal: AbortSignal.any([signal, deadline.signal]), stop: () => clearTimeout(timer) };
}

async function registryCredentials(
  work: OciContext,
  spec: HelmAccessSpec,
  secret: SourceSecret | undefined,
  http: HttpClient,
): Promise<{ credentials: RegistryCredentials | undefined; lasting?: string }> {
  const { parseRepository } = await import('../../../oci/reference.ts');
  // Charts lie below the address, which may be that of the registry itself.
  const { host, repository } = parseRepository(`${spec.url.replace(/\/+$/, '')}/chart`);
  if (secret?.type === 'kubernetes.io/dockerconfigjson') {
    const { credentialsFor } = await import('../../../oci/docker-config.ts');
    const credentials = credentialsFor({ host, repository }, [secret]);
    if (!credentials)
      throw new RetryError(
        'AuthenticationFailed',
        `failed to configure OCI registry authentication: no auth config for '${host}' in the docker-registry Secret '${secret.where}'`,
      );
    return { credentials };
  }
  if (secret) {
    const basic = basicOf(secret);
    if (basic && basic.password === '') throw unusableSecret(secret, "required fields 'username' and 'password'");
    return { credentials: basic };
  }
  const { provider } = spec;
  if (provider === undefined || provider === 'generic') return { credentials: undefined };
  const { cluster, ports, clock, key } = work;
  const { checkConfidential, registryLogin } = await import('../../../cloud/identity.ts');
  const environment = ports.cloud ?? {};
  const request = { provider, cluster, namespace: key.namespace, http, clock, environment, registry: host };
  const login = async () => {
    checkConfidential({ proxied: false, ownAuthorities: false, insecure: spec.insecure });
    return registryLogin(request);
  };
  const { username, password } = await login().catch(cause => {
    throw new RetryError('AuthenticationFailed', `failed to get credential from '${provider}'`, { cause });
  });
  return { credentials: { username, password }, lasting: provider };
}
