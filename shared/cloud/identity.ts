/**
 * Who sources are at the clouds where they are kept: the installation itself, or, with spec.serviceAccountName, a
 * ServiceAccount of the object's namespace, whose token the cloud takes in exchange. Credentials are kept in memory only, and
 * given out for the clouds' own hosts only.
 */
import { acrLogin, acrScope } from './acr.ts';
import { ownKeys, roleKeys, roleOf } from './aws-keys.ts';
import { azureIdentity, federatedAzureToken, ownAzureToken } from './azure-token.ts';
import { codeCommitLogin } from './codecommit.ts';
import { cached } from './credential-cache.ts';
import { ecrLogin } from './ecr.ts';
import { CloudError } from './errors.ts';
import { ownGoogleToken } from './google-own.ts';
import { federatedGoogleToken, googleIdentity } from './google-token.ts';
import { acrHost, checkAzureDevOps, checkGoogleRegistry, codeCommitRegion, ecrHost, stsEndpoint } from './hosts.ts';
import type {
  AccessToken,
  AwsCredentials,
  CloudCredentials,
  GitLogin,
  IdentityRequest,
  RegistryLogin,
} from './request.ts';
import { readAccount } from './service-account.ts';

export { checkConfidential } from './confidential.ts';
export { CloudError, type CloudErrorCode } from './errors.ts';
export { googleKeyToken } from './google-key.ts';
export type {
  AccessToken,
  AwsCredentials,
  CloudCredentials,
  CloudProvider,
  GitLogin,
  IdentityRequest,
  RegistryLogin,
} from './request.ts';

/** What the sign-in is for, where the provider wants to know. */
export interface SignInOptions {
  /** AWS: the region whose STS is asked; the installation's own (AWS_REGION) when absent. */
  region?: string | undefined;
  /** AWS: spec.sts.endpoint of a Bucket. */
  stsEndpoint?: string | undefined;
  /** Azure: the scope of the token. Google's tokens are of the scope cloud-platform. */
  scope?: string | undefined;
}

/** Signs in. Throws CloudError; never waits longer than ten seconds for one answer. */
export async function signIn(request: IdentityRequest & SignInOptions): Promise<CloudCredentials> {
  const { provider } = request;
  if (provider === 'aws') return { provider, ...(await awsCredentials(request)) };
  return { provider, ...(await accessToken({ ...request, scope: request.scope ?? '' })) };
}

/** Credentials for a registry: `registry` is its host (with port), as the URL has it. Only for hosts of the provider. */
export async function registryLogin(request: IdentityRequest & { registry: string }): Promise<RegistryLogin> {
  const { provider, registry } = request;
  if (provider === 'aws') {
    const host = ecrHost(registry);
    const keys = await awsCredentials({ ...request, region: host.region });
    const parts = ['ecr', host.kind, host.region, String(host.fips), keys.accessKeyId];
    return cached(request, parts, () => ecrLogin(request, keys, host));
  }
  if (provider === 'azure') {
    const host = acrHost(registry);
    const token = await accessToken({ ...request, scope: acrScope });
    return cached(request, ['acr', host, token.token], () => acrLogin(request, token, host));
  }
  checkGoogleRegistry(registry);
  const { token, expiresAt } = await accessToken({ ...request, scope: '' });
  return { username: 'oauth2accesstoken', password: token, expiresAt };
}

/** Azure DevOps, by its application's id. */
const devOpsScope = '499b84ac-1321-427f-aa17-267ca6975798/.default';

/** Credentials for a Git repository at CodeCommit (`aws`) or Azure DevOps (`azure`). Only for hosts of the provider. */
export async function gitLogin(request: IdentityRequest & { url: URL }): Promise<GitLogin> {
  const { provider, url } = request;
  if (provider === 'aws') {
    const keys = await awsCredentials({ ...request, region: codeCommitRegion(url) });
    return codeCommitLogin(keys, url, request.clock.now());
  }
  if (provider === 'azure') {
    checkAzureDevOps(url);
    const { token, expiresAt } = await accessToken({ ...request, scope: devOpsScope });
    return { bearerToken: token, expiresAt };
  }
  throw new CloudError('InvalidProviderConfiguration', `provider '${provider}' does not support Git credentials`);
}

/** Keys to sign requests with; `stsEndpoint` as a Bucket's spec.sts.endpoint. */
export async function awsCredentials(
  request: IdentityRequest & { region?: string | undefined; stsEndpoint?: string | undefined },
): Promise<AwsCredentials> {
  const endpoint = request.stsEndpoint === undefined ? undefined : stsEndpoint(request.stsEndpoint);
  if (!request.serviceAccountName) return ownKeys(request);
  const account = await readAccount(request, request.serviceAccountName);
  const whose = [request.cluster.name, account.where, account.uid, roleOf(account)];
  return cached(request, ['aws', ...whose, request.region, endpoint], () => roleKeys(request, account));
}

/** A bearer token of Azure (`scope` such as `https://storage.azure.com/.default`) or Google. */
export async function accessToken(request: IdentityRequest & { scope: string }): Promise<AccessToken> {
  const { provider, scope } = request;
  if (provider === 'aws')
    throw new CloudError('InvalidProviderConfiguration', 'AWS signs requests with keys, and has no access tokens');
  if (!request.serviceAccountName) {
    const own = provider === 'azure' ? () => ownAzureToken(request) : () => ownGoogleToken(request);
    return cached(request, ['own', provider, scope], own);
  }
  const account = await readAccount(request, request.serviceAccountName);
  const whose = [request.cluster.name, account.where, account.uid];
  if (provider === 'azure') {
    const { tenant, client } = azureIdentity(account);
    const parts = ['azure', ...whose, tenant, client, scope];
    return cached(request, parts, () => federatedAzureToken(request, account));
  }
  const { audience, email } = googleIdentity(account);
  return cached(request, ['gcp', ...whose, audience, email], () => federatedGoogleToken(request, account));
}
