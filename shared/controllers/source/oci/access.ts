import { parseDuration } from '../../../api/duration.ts';
import type { KubeObject } from '../../../api/object.ts';
import { HttpClient, type ProxySettings, type TlsMaterial } from '../../../network/http.ts';
import { credentialsFor } from '../../../oci/docker-config.ts';
import { OciError } from '../../../oci/errors.ts';
import { parseRepository, type RepositoryName } from '../../../oci/reference.ts';
import { openRegistry, type Registry, type RegistryCredentials } from '../../../oci/registry.ts';
import type { Context } from '../../../reconcile/controller.ts';
import { RetryError } from '../../../reconcile/errors.ts';
import { proxyOf, readSecret, type SourceSecret, tlsOf, unusableSecret } from '../secret.ts';

/** What of a spec says how its registry is reached. */
export interface OciAccessSpec {
  url: string;
  provider?: 'generic' | 'aws' | 'azure' | 'gcp' | undefined;
  secretRef?: { name: string } | undefined;
  serviceAccountName?: string | undefined;
  certSecretRef?: { name: string } | undefined;
  proxySecretRef?: { name: string } | undefined;
  insecure?: boolean | undefined;
  timeout: string;
}

/** A repository, opened as a spec says. */
export interface OciAccess {
  registry: Registry;
  /** The client that the registry is asked by; its time is spec.timeout. */
  http: HttpClient;
  /** All by which the registry is reached and told who asks, for fetchOnce. */
  credentials: string[];
  /** Why credentials that were given are not used; said when the registry then wants some. */
  hint: string | undefined;
  close(): void;
}

/** What opening needs of a reconcile. */
export type OciContext = Pick<Context, 'cluster' | 'ports' | 'clock' | 'signal' | 'key'>;

/**
 * Opens a repository with the credentials, certificates and proxy that a spec names. As in Flux, Secrets come before the
 * identity at a cloud. Throws OciError InvalidReference for the URL; otherwise RetryError, OciError, NetworkError or
 * CloudError, with an AuthenticationFailed to be told.
 */
export async function openOci(work: OciContext, spec: OciAccessSpec): Promise<OciAccess> {
  const name = parseRepository(spec.url);
  const { namespace } = work.key;
  const secrets = await told('failed to get credential', () => pullSecrets(work, spec));
  const proxy = await told('failed to get proxy address', () =>
    proxyOf(work.cluster, namespace, spec.proxySecretRef?.name),
  );
  const tls = await told(`failed to generate transport for '${spec.url}'`, () => tlsFor(work, spec));
  const { signal, stop } = timeLimit(work.signal, spec);
  const rules = { refuseLoopback: work.ports.refuseLoopback };
  try {
    const http = new HttpClient({ tls, ...(proxy ? { proxy } : {}), rules, signal });
    const { credentials, lasting } = await credentialsOf(work, spec, name, secrets, { http, tls, proxy });
    return {
      registry: openRegistry({ url: spec.url, credentials, http, insecure: spec.insecure, signal }),
      http,
      credentials: [...lasting, ...reachedBy(tls, proxy), spec.insecure ? 'insecure' : ''],
      hint: secrets.length > 0 && !credentials ? unused(name, secrets) : undefined,
      close() {
        stop();
        http.close();
      },
    };
  } catch (error) {
    stop();
    throw error;
  }
}

async function told<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new RetryError('AuthenticationFailed', what, { cause });
  }
}

/** Ends everything when spec.timeout is over. */
function timeLimit(signal: AbortSignal, { url, timeout }: OciAccessSpec): { signal: AbortSignal; stop: () => void } {
  const deadline = new AbortController();
  const message = `fetching ${url} took longer than ${timeout}; raise spec.timeout if the artifact is large`;
  const timer = setTimeout(() => deadline.abort(new OciError('Timeout', message)), parseDuration(timeout));
  return { signal: AbortSignal.any([signal, deadline.signal]), stop: () => clearTimeout(timer) };
}

/** The Secret of spec.secretRef, and the image pull Secrets of the ServiceAccount. */
async function pullSecrets(work: OciContext, spec: OciAccessSpec): Promise<SourceSecret[]> {
  const { namespace } = work.key;
  const named = spec.secretRef ? [await readSecret(work.cluster, namespace, spec.secretRef.name)] : [];
  if (!spec.serviceAccountName) return named;
  const where = `${namespace}/${spec.serviceAccountName}`;
  const account = await work.cluster.get<KubeObject>(
    { apiVersion: 'v1', kind: 'ServiceAccount' },
    namespace,
    spec.serviceAccountName,
  );
  if (!account) throw new RetryError('AuthenticationFailed', `serviceaccount '${where}' not found`);
  const names: { name?: string }[] = account.imagePullSecrets ?? [];
  const read = ({ name = '' }) =>
    readSecret(work.cluster, namespace, name).catch(cause => {
      const message = `failed to get image pull secret for serviceaccount '${where}'`;
      throw new RetryError('AuthenticationFailed', message, { cause });
    });
  return [...named, ...(await Promise.all(names.map(read)))];
}

async function tlsFor(work: OciContext, spec: OciAccessSpec): Promise<TlsMaterial> {
  if (!spec.certSecretRef) return spec.insecure ? { insecureSkipVerify: true } : {};
  const secret = await readSecret(work.cluster, work.key.namespace, spec.certSecretRef.name);
  const tls = tlsOf(secret);
  if (!tls.ca && !tls.clientCert)
    throw unusableSecret(secret, "it must hold 'ca.crt', or 'tls.crt' and 'tls.key', or all three");
  return tls;
}

async function credentialsOf(
  work: OciContext,
  spec: OciAccessSpec,
  name: RepositoryName,
  secrets: SourceSecret[],
  { http, tls, proxy }: { http: HttpClient; tls: TlsMaterial; proxy: ProxySettings | undefined },
): Promise<{ credentials: RegistryCredentials | undefined; lasting: string[] }> {
  const { provider = 'generic' } = spec;
  if (secrets.length > 0 || provider === 'generic') {
    const credentials = await told('failed to get credential', async () => credentialsFor(name, secrets));
    return { credentials, lasting: credentials ? [JSON.stringify(credentials)] : [] };
  }
  const { serviceAccountName } = spec;
  const { cluster, ports, clock, key } = work;
  const { namespace } = key;
  const { checkConfidential, registryLogin } = await import('../../../cloud/identity.ts');
  const environment = ports.cloud ?? {};
  const login = await told(`failed to get credential from ${provider}`, () => {
    const { insecure } = spec;
    checkConfidential({ serviceAccountName, proxied: !!proxy, ownAuthorities: !!tls.ca, insecure });
    const registry = name.host;
    return registryLogin({ provider, cluster, namespace, serviceAccountName, http, clock, environment, registry });
  });
  const { username, password } = login;
  // A ServiceAccount is one of its cluster and namespace; the installation is the same everywhere.
  const lasting = serviceAccountName ? [provider, key.cluster, namespace, serviceAccountName] : [provider];
  return { credentials: { username, password }, lasting };
}

function reachedBy(tls: TlsMaterial, proxy: ProxySettings | undefined): string[] {
  const texts = [tls.ca, tls.clientCert, tls.clientKey, proxy?.address, proxy?.username, proxy?.password];
  return texts.map(text => text?.toString() ?? '');
}

/** As Kubernetes does with pull Secrets, those of other types or for other hosts are passed over in silence. */
function unused({ host }: RepositoryName, secrets: SourceSecret[]): string {
  const said = secrets.map(({ where, type }) =>
    /dockerc(onfigjson|fg)$/.test(type) ? `'${where}' names no such host` : `'${where}' is of the type ${type}`,
  );
  return `no Secret holds credentials for ${host}: ${said.join(', ')}; they are of the type kubernetes.io/dockerconfigjson (kubectl create secret docker-registry)`;
}

/** The Secret as the verification of signatures takes it. Throws RetryError. */
export async function secretFiles(work: OciContext, name: string): Promise<{ name: string; bytes: Buffer }[]> {
  const secret = await readSecret(work.cluster, work.key.namespace, name);
  return secret.keys.map(key => ({ name: key, bytes: secret.bytes(key) ?? Buffer.alloc(0) }));
}
