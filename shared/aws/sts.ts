import type { STSClient, STSClientConfig } from '@aws-sdk/client-sts';
import { AwsError, awsError, notAws } from './aws-error.ts';
import { sdkSettings } from './sdk-settings.ts';

/** Whose credentials: those of the default chain, or a role that is assumed with them. */
export interface SignIn {
  region: string;
  roleArn?: string | undefined;
}

/** How AWS's logs call our sessions of assumed roles. */
const sessionName = 'sluice';

/** A client with the credentials; it keeps them, and fetches new ones some minutes before they run out. */
export async function openSts({ region, roleArn }: SignIn): Promise<STSClient> {
  // The SDK is loaded by those who use it: it costs a cold start more than the whole of our own code.
  const { AssumeRoleCommand, STSClient } = await import('@aws-sdk/client-sts');
  // Files with credentials are read again by each client; the SDK would keep what it has read for good.
  const rereading: STSClientConfig & { ignoreCache: boolean } = { region, ...sdkSettings, ignoreCache: true };
  const own = new STSClient(rereading);
  if (roleArn === undefined) return own;
  const assume = async () => {
    const asked = new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: sessionName });
    const { Credentials: found } = await own.send(asked).catch(error => {
      throw roleError(error, roleArn);
    });
    if (!found?.AccessKeyId || !found.SecretAccessKey || !found.SessionToken)
      throw new AwsError('Unexpected', `AWS gave no credentials for the role ${roleArn}`);
    return {
      accessKeyId: found.AccessKeyId,
      secretAccessKey: found.SecretAccessKey,
      sessionToken: found.SessionToken,
      ...(found.Expiration && { expiration: found.Expiration }),
    };
  };
  return new STSClient({ region, ...sdkSettings, credentials: assume });
}

function roleError(error: unknown, roleArn: string): AwsError {
  const plain = awsError(error, `assume the role ${roleArn}`);
  if (plain.code !== 'AccessDenied') return plain;
  return new AwsError(
    'RoleRefused',
    `${plain.message}; the role's trust policy has to name this identity, the identity needs the permission sts:AssumeRole on the role, and the role has to exist`,
    { cause: error },
  );
}

/** Who the credentials belong to. */
export interface Identity {
  account: string;
  /** As STS says it: of a role, this is the session. */
  arn: string;
  /** The IAM user or role behind it, as access entries name it; undefined for those that can have none. */
  principal: string | undefined;
  /** A role's path is not in what STS says, so that the principal of a role with a path is not quite right. */
  pathUnknown: boolean;
}

/** Asks STS who the client's credentials belong to; everybody may ask that. */
export async function callerIdentity(sts: STSClient): Promise<Identity> {
  const { GetCallerIdentityCommand } = await import('@aws-sdk/client-sts');
  const { Account, Arn } = await sts.send(new GetCallerIdentityCommand({})).catch(error => {
    throw awsError(error, 'say whose credentials these are (sts:GetCallerIdentity)');
  });
  if (!Account || !Arn) throw new AwsError('Unexpected', `AWS did not say whose credentials these are; ${notAws}`);
  return { account: Account, arn: Arn, ...principalOf(Arn) };
}

function principalOf(arn: string): Pick<Identity, 'principal' | 'pathUnknown'> {
  const session = /^arn:([a-z-]+):sts::(\d{12}):assumed-role\/([^/]+)\/[^/]+$/.exec(arn);
  if (session) return { principal: `arn:${session[1]}:iam::${session[2]}:role/${session[3]}`, pathUnknown: true };
  if (/^arn:[a-z-]+:iam::\d{12}:(user|role)\/.+$/.test(arn)) return { principal: arn, pathUnknown: false };
  return { principal: undefined, pathUnknown: false };
}
