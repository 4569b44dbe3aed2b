import { CloudError } from './errors.ts';
import type {
  AccessToken,
  AwsCredentials,
  CloudCredentials,
  GitLogin,
  IdentityRequest,
  RegistryLogin,
} from './request.ts';

export { CloudError, type CloudErrorCode } from './errors.ts';
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
  throw notYet(request);
}

/** Credentials for a registry: `registry` is its host (with port), as the URL has it. Only for hosts of the provider. */
export async function registryLogin(request: IdentityRequest & { registry: string }): Promise<RegistryLogin> {
  throw notYet(request);
}

/** Credentials for a Git repository at CodeCommit (`aws`) or Azure DevOps (`azure`). Only for hosts of the provider. */
export async function gitLogin(request: IdentityRequest & { url: URL }): Promise<GitLogin> {
  throw notYet(request);
}

/** Keys to sign requests with; `stsEndpoint` as a Bucket's spec.sts.endpoint. */
export async function awsCredentials(
  request: IdentityRequest & { region?: string | undefined; stsEndpoint?: string | undefined },
): Promise<AwsCredentials> {
  throw notYet(request);
}

/** A bearer token of Azure (`scope` such as `https://storage.azure.com/.default`) or Google. */
export async function accessToken(request: IdentityRequest & { scope: string }): Promise<AccessToken> {
  throw notYet(request);
}

function notYet({ provider }: IdentityRequest): CloudError {
  return new CloudError('AuthenticationFailed', `signing in at ${provider} does not work yet`);
}
