/** Keys of AWS: the installation's own, or those of the role that a ServiceAccount is annotated with. */
import type { Credentials } from '@aws-sdk/client-sts';
import { foreignText } from '../network/errors.ts';
import type { CloudEnvironment } from '../ports/cloud.ts';
import { errorChain } from '../reconcile/errors.ts';
import { atService } from './connection.ts';
import { cached } from './credential-cache.ts';
import { CloudError, notSignedIn } from './errors.ts';
import { stsEndpoint } from './hosts.ts';
import type { AwsCredentials, IdentityRequest } from './request.ts';
import { sdkHandler } from './sdk-handler.ts';
import { type Account, annotationOf, tokenOf } from './service-account.ts';

const audience = 'sts.amazonaws.com';
const roleAnnotation = 'eks.amazonaws.com/role-arn';
const roleArn = /^arn:aws[\w-]*:iam::[0-9]{12}:role\/[\w+=,.@/-]{1,512}$/;

/** The role of a ServiceAccount. Throws CloudError. */
export function roleOf(account: Account): string {
  return annotationOf(account, roleAnnotation, roleArn, 'arn:aws:iam::111122223333:role/sources');
}

/**
 * The installation's own keys. A function on Lambda becomes the role that the stack has for sources: its own role may do what
 * no user may have done in his name. Elsewhere they are those of the process, or of the SDK's chain: profile, web identity,
 * container, instance. Throws CloudError.
 */
export async function ownKeys(request: IdentityRequest): Promise<AwsCredentials> {
  const { environment } = request;
  const role = environment.SLUICE_SOURCES_ROLE_ARN;
  if (role !== undefined) return cached(request, ['own', 'aws', role], () => sourcesRoleKeys(request, role));
  if (environment.AWS_LAMBDA_FUNCTION_NAME)
    throw notSignedIn(
      'this installation may read nothing at AWS in its own name: list what it may under sources.aws in sluice.yaml and deploy, or name an annotated ServiceAccount in spec.serviceAccountName',
    );
  return processKeys(environment);
}

async function processKeys(environment: CloudEnvironment): Promise<AwsCredentials> {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = environment;
  if (id && secret && !environment.AWS_PROFILE)
    return { accessKeyId: id, secretAccessKey: secret, sessionToken: token, expiresAt: Number.POSITIVE_INFINITY };
  chain ??= openChain(environment);
  try {
    const found = await (await chain)();
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = found;
    const expiresAt = expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    return { accessKeyId, secretAccessKey, sessionToken, expiresAt };
  } catch (error) {
    throw notSignedIn(
      `this installation has no credentials of AWS (${plain(error)}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE where it runs, run it with a role, or name an annotated ServiceAccount in spec.serviceAccountName`,
      { cause: error },
    );
  }
}

/** Not over the object's proxy: this is the installation's own matter. */
async function sourcesRoleKeys(request: IdentityRequest, role: string): Promise<AwsCredentials> {
  const keys = await processKeys(request.environment);
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const { AssumeRoleCommand, STSClient } = await import('@aws-sdk/client-sts');
  const client = new STSClient({
    region: regionOf({ environment: request.environment }),
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
    ...stsAt(request),
  });
  try {
    const { Credentials: found } = await client.send(
      new AssumeRoleCommand({ RoleArn: role, RoleSessionName: 'sluice' }),
    );
    return keysOf(found, role, request.clock.now());
  } catch (error) {
    throw refused(error, `AWS STS does not give the installation its role for sources, ${role}`);
  } finally {
    client.destroy();
  }
}

/** Where STS is, when it is not where AWS has it. */
function stsAt({ environment }: Pick<IdentityRequest, 'environment'>): { endpoint?: string } {
  const endpoint = environment.AWS_ENDPOINT_URL_STS ?? environment.AWS_ENDPOINT_URL;
  return endpoint ? { endpoint } : {};
}

function keysOf(found: Credentials | undefined, role: string, now: number): AwsCredentials {
  if (!found?.AccessKeyId || !found.SecretAccessKey || !found.SessionToken)
    throw notSignedIn(`AWS STS gave no credentials for the role ${role}`);
  return {
    accessKeyId: found.AccessKeyId,
    secretAccessKey: found.SecretAccessKey,
    sessionToken: found.SessionToken,
    expiresAt: found.Expiration?.getTime() ?? now + 60 * 60_000,
  };
}

type Chain = () => Promise<{
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}>;

/** It keeps what it finds, and looks again before that ends; one for the process, whose environment it reads. */
let chain: Promise<Chain> | undefined;

async function openChain(environment: CloudEnvironment): Promise<Chain> {
  const { STSClient } = await import('@aws-sdk/client-sts');
  const client = new STSClient({ region: environment.AWS_REGION ?? 'us-east-1' });
  return () => client.config.credentials();
}

/** Where and how the role is asked for. */
export interface RoleRequest extends IdentityRequest {
  region?: string | undefined;
  stsEndpoint?: string | undefined;
}

/** Keys of the ServiceAccount's role, for an hour (AssumeRoleWithWebIdentity). Throws CloudError. */
export async function roleKeys(request: RoleRequest, account: Account): Promise<AwsCredentials> {
  const role = roleOf(account);
  const region = regionOf(request);
  const own = request.stsEndpoint ? { endpoint: stsEndpoint(request.stsEndpoint) } : stsAt(request);
  const token = await tokenOf(request, account, audience);
  const { AssumeRoleWithWebIdentityCommand, STSClient } = await import('@aws-sdk/client-sts');
  return atService(request.http, `AWS STS in ${region}`, async http => {
    const client = new STSClient({ region, requestHandler: sdkHandler(http), maxAttempts: 2, ...own });
    const command = new AssumeRoleWithWebIdentityCommand({
      RoleArn: role,
      RoleSessionName: sessionName(account, region),
      WebIdentityToken: token,
    });
    const { Credentials: found } = await client.send(command).catch(error => {
      throw refused(error, `AWS STS does not give the role ${role} to service account '${account.where}'`);
    });
    return keysOf(found, role, request.clock.now());
  });
}

/** The region that the address or the spec names, or else the installation's own. Throws CloudError. */
export function regionOf({
  region,
  environment,
}: {
  region?: string | undefined;
  environment: CloudEnvironment;
}): string {
  const found = region || environment.AWS_REGION || environment.AWS_DEFAULT_REGION;
  if (!found) throw notSignedIn('an AWS region is required for authenticating with a service account; set spec.region');
  if (!/^[a-z0-9][a-z0-9-]{1,40}$/.test(found))
    throw notSignedIn(`'${foreignText(found, 60)}' is no region of AWS; set spec.region to one like eu-west-1`);
  return found;
}

/** As Flux calls the session, cut to the 64 characters that STS takes. */
function sessionName({ name, namespace }: Account, region: string): string {
  return `${name}.${namespace}.${region}.fluxcd.io`.slice(0, 64);
}

/** What the SDK threw, in words: the service's refusal, or what went wrong on the way. */
export function refused(error: unknown, message: string): CloudError {
  for (const link of errorChain(error)) if (link instanceof CloudError) return link;
  return notSignedIn(`${message}: ${plain(error)}`, { cause: error });
}

/** One line without what the SDK's messages can hold: some quote the request. */
function plain(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const name = error.name && error.name !== 'Error' ? `${error.name}: ` : '';
  return foreignText(`${name}${error.message.split(/[\r\n]/)[0] ?? ''}`, 300);
}
