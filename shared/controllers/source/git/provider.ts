import type { GitRepository } from '../../../api/source/git-repository.ts';
import type { GitAuth } from '../../../git/remote.ts';
import { HttpClient, type ProxySettings } from '../../../network/http.ts';
import { findError, messageOfError, ReconcileError, RetryError, StalledError } from '../../../reconcile/errors.ts';
import { readSecret, tlsOf } from '../secret.ts';
import type { SourceWork } from '../source.ts';
import { credentialsOf, gitProxy } from './credentials.ts';

/** How a repository's server is reached, and what it is told of who asks. */
export interface GitAccess {
  auth: GitAuth;
  proxy: ProxySettings | undefined;
  /** What lasts of it, for the fingerprint of those who ask the same (Question in fetch-once.ts). */
  credentials: string[];
  /** To be called when the server refuses what was given: what is kept of it is given up. */
  refused?: () => void;
}

/** What a provider gives; the proxy is the object's own. */
export type ProviderAccess = Omit<GitAccess, 'proxy'>;

type Work = SourceWork<GitRepository>;

/**
 * The access that spec.provider, spec.secretRef and spec.proxySecretRef give. Throws a RetryError, or a StalledError for
 * what only another spec mends.
 */
export async function gitAccess(work: Work): Promise<GitAccess> {
  const { spec, metadata } = work.object;
  const { namespace = '' } = metadata;
  const proxy = await gitProxy(work.cluster, namespace, spec.proxySecretRef?.name);
  const access = await providers[spec.provider ?? 'generic'](work, proxy);
  return { ...access, proxy, credentials: [...access.credentials, ...texts(proxy)] };
}

const providers: Record<
  NonNullable<GitRepository['spec']['provider']>,
  (work: Work, proxy: ProxySettings | undefined) => Promise<ProviderAccess>
> = {
  async generic({ object, cluster }) {
    const { spec, metadata } = object;
    const auth = (await credentialsOf(cluster, metadata.namespace ?? '', spec.secretRef?.name, spec.url)) ?? {};
    return { auth, credentials: texts(auth) };
  },
  async github(work, proxy) {
    const { spec, metadata } = work.object;
    const missing = 'secretRef with github app data must be specified when provider is set to github';
    if (!spec.secretRef) throw new StalledError('InvalidProviderConfiguration', missing);
    overHttp(work);
    const secret = await readSecret(work.cluster, metadata.namespace ?? '', spec.secretRef.name);
    if (!secret.keys.some(key => key.startsWith('githubApp')))
      throw new RetryError('InvalidProviderConfiguration', missing);
    const tls = tlsOf(secret);
    const { forgetToken, installationToken, readApp } = await import('./provider-github.ts');
    const app = readApp(secret);
    const token = await withHttp(work, { proxy, tls }, http => installationToken(app, http, work.clock));
    return {
      auth: { ...tls, username: 'x-access-token', password: token },
      credentials: [...texts({ ...app }), ...texts(tls)],
      refused: () => forgetToken(app),
    };
  },
  aws: (work, proxy) => cloudAccess(work, proxy, 'aws'),
  azure: (work, proxy) => cloudAccess(work, proxy, 'azure'),
};

/** CodeCommit and Azure DevOps: the identity of the installation, or that of spec.serviceAccountName. */
async function cloudAccess(
  work: Work,
  proxy: ProxySettings | undefined,
  provider: 'aws' | 'azure',
): Promise<ProviderAccess> {
  const { spec, metadata } = work.object;
  const { namespace = '' } = metadata;
  const url = overHttp(work);
  // Beside the provider's credentials a Secret can say whom to trust.
  const tls = spec.secretRef ? tlsOf(await readSecret(work.cluster, namespace, spec.secretRef.name)) : {};
  const { checkConfidential, gitLogin } = await import('../../../cloud/identity.ts');
  const { serviceAccountName } = spec;
  const { clock, cluster } = work;
  const environment = work.ports.cloud ?? {};
  const login = await withHttp(work, { proxy }, async http => {
    checkConfidential({ serviceAccountName, proxied: !!proxy, ownAuthorities: !!tls.ca });
    return gitLogin({ provider, url, cluster, namespace, serviceAccountName, http, clock, environment });
  });
  const { expiresAt: _, ...auth } = login;
  const identity = serviceAccountName ? [cluster.name, namespace, serviceAccountName] : [];
  return { auth: { ...tls, ...auth }, credentials: [provider, ...identity, ...texts(tls)] };
}

/** Runs `use` with a client for the provider's own servers. What it throws tells that this is about authentication. */
async function withHttp<T>(
  work: Work,
  access: Pick<ConstructorParameters<typeof HttpClient>[0] & object, 'proxy' | 'tls'>,
  use: (http: HttpClient) => Promise<T>,
): Promise<T> {
  let http: HttpClient | undefined;
  try {
    http = new HttpClient({ ...access, signal: work.signal, rules: { refuseLoopback: work.ports.refuseLoopback } });
    return await use(http);
  } catch (cause) {
    const known = findError(cause, ReconcileError);
    const afterMs = known && 'afterMs' in known && typeof known.afterMs === 'number' ? known.afterMs : undefined;
    const message = `failed to configure authentication options: ${messageOfError(cause)}`;
    throw new RetryError(known?.code ?? 'AuthenticationFailed', message, {
      cause,
      ...(afterMs === undefined ? {} : { afterMs }),
    });
  } finally {
    http?.close();
  }
}

/** The repository's address. Throws a StalledError for one that the provider's sign-in is of no use for. */
function overHttp({ object }: Work): URL {
  const { url, provider } = object.spec;
  const parsed = URL.parse(url);
  if (parsed?.protocol === 'https:' || parsed?.protocol === 'http:') return parsed;
  throw new StalledError(
    'InvalidProviderConfiguration',
    `spec.provider '${provider}' signs in over https: spec.url must begin with https://, or spec.provider be generic`,
  );
}

/** Names and values, in a fixed order. */
function texts(record: object | undefined): string[] {
  return Object.entries(record ?? {})
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`);
}
