/** Keys of AWS: the installation's own, or those of the role that a ServiceAccount is annotated with. */
import { foreignText } from '../network/errors.ts';
import type { CloudEnvironment } from '../ports/cloud.ts';
import { errorChain } from '../reconcile/errors.ts';
import { atService } from './connection.ts';
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
 * The keys that the process was given (a Lambda function has those of its role), or else those of the SDK's chain: profile,
 * web identity, container, instance. Throws CloudError.
 */
export async function ownKeys(environment: CloudEnvironment): Promise<AwsCredentials> {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = environment;
  // Lambda never changes them within a process, and ends the process before they end.
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
  const endpoint = request.stsEndpoint
    ? stsEndpoint(request.stsEndpoint)
    : (request.environment.AWS_ENDPOINT_URL_STS ?? request.environment.AWS_ENDPOINT_URL);
  const token = await tokenOf(request, account, audience);
  const { AssumeRoleWithWebIdentityCommand, STSClient } = await import('@aws-sdk/client-sts');
  return atService(request.http, `AWS STS in ${region}`, async http => {
    const client = new STSClient({
      region,
      requestHandler: sdkHandler(http),
      maxAttempts: 2,
      ...(endpoint ? { endpoint } : {}),
    });
    const command = new AssumeRoleWithWebIdentityCommand({
      RoleArn: role,
      RoleSessionName: sessionName(account, region),
      WebIdentityToken: token,
    });
    const { Credentials: found } = await client.send(command).catch(error => {
      throw refused(error, `AWS STS does not give the role ${role} to service account '${account.where}'`);
    });
    if (!found?.AccessKeyId || !found.SecretAccessKey || !found.SessionToken)
      throw notSignedIn(`AWS STS gave no credentials for the role ${role}`);
    return {
      accessKeyId: found.AccessKeyId,
      secretAccessKey: found.SecretAccessKey,
      sessionToken: found.SessionToken,
      expiresAt: found.Expiration?.getTime() ?? request.clock.now() + 60 * 60_000,
    };
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
