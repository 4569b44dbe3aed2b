import * as z from 'zod';
import type { CloudEnvironment } from '../ports/cloud.ts';
import { refused } from './aws-keys.ts';
import { askJson, atService } from './connection.ts';
import { notSignedIn } from './errors.ts';
import type { EcrHost } from './hosts.ts';
import type { AwsCredentials, IdentityRequest, RegistryLogin } from './request.ts';
import { sdkHandler } from './sdk-handler.ts';
import { signedPost } from './sigv4.ts';

/** A login for the registries of a region that the keys may read, for twelve hours. Throws CloudError. */
export async function ecrLogin(request: IdentityRequest, keys: AwsCredentials, host: EcrHost): Promise<RegistryLogin> {
  const what = host.kind === 'public' ? 'ECR Public' : `ECR in ${host.region}`;
  const found = await atService(request.http, what, async http => {
    if (host.kind === 'public') {
      const url = new URL(request.environment.AWS_ENDPOINT_URL_ECR_PUBLIC ?? publicEndpoint);
      const headers = signedPost(keys, publicScope, { url, ...publicRequest }, request.clock.now());
      const { host: _, ...sent } = headers;
      const asked = { method: 'POST', url, headers: sent, body: publicRequest.body } as const;
      return (await askJson(http, what, asked, PublicToken)).authorizationData;
    }
    return privateToken(http, request.environment, keys, host, what);
  });
  return loginOf(found, what);
}

interface Token {
  authorizationToken?: string | undefined;
  expiresAt?: number | undefined;
}

async function privateToken(
  http: IdentityRequest['http'],
  environment: CloudEnvironment,
  keys: AwsCredentials,
  { region, fips }: EcrHost,
  what: string,
): Promise<Token> {
  const { ECRClient, GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr');
  const endpoint = environment.AWS_ENDPOINT_URL_ECR ?? environment.AWS_ENDPOINT_URL;
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const client = new ECRClient({
    region,
    requestHandler: sdkHandler(http),
    maxAttempts: 2,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
    // The SDK takes one of them only.
    ...(endpoint ? { endpoint } : { useFipsEndpoint: fips }),
  });
  const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({})).catch(error => {
    throw refused(error, `${what} gives out no login (the identity needs ecr:GetAuthorizationToken)`);
  });
  const [first] = authorizationData ?? [];
  return { authorizationToken: first?.authorizationToken, expiresAt: first?.expiresAt?.getTime() };
}

/** ECR Public has one endpoint for its tokens. The SDK's client of it is not worth its size for one call. */
const publicEndpoint = 'https://api.ecr-public.us-east-1.amazonaws.com/';
const publicScope = { region: 'us-east-1', service: 'ecr-public' };
const publicRequest = {
  headers: {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'SpencerFrontendService.GetAuthorizationToken',
  },
  body: '{}',
};

/** AWS writes times as seconds. */
const PublicToken = z.object({
  authorizationData: z.object({
    authorizationToken: z.string(),
    expiresAt: z.number().transform(seconds => seconds * 1000),
  }),
});

function loginOf({ authorizationToken, expiresAt }: Token, what: string): RegistryLogin {
  const text = Buffer.from(authorizationToken ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1 || expiresAt === undefined) throw notSignedIn(`${what} answers without a usable login`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1), expiresAt };
}
