import type { STSClient } from '@aws-sdk/client-sts';
import { awsError } from './aws-error.ts';

/** A bearer token for the API server of an EKS cluster. */
export interface EksToken {
  text: string;
  /** Epoch ms after which it is of no use. */
  expiresAt: number;
}

/** EKS takes a token for 15 minutes from its date on, whatever X-Amz-Expires says; 60 is what its own tools write there. */
const lifetimeMs = 15 * 60_000;
const expiresParameter = 60;
const clusterHeader = 'x-k8s-aws-id';

/**
 * Signs a token: the URL of a request to STS (GetCallerIdentity), presigned and good for this cluster alone, which EKS
 * sends in our stead to learn who we are. Nothing is sent to sign it, unless the credentials have to be fetched.
 */
export async function signEksToken(sts: STSClient, clusterName: string, now: number): Promise<EksToken> {
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const { config } = sts;
  const region = await config.region();
  const credentials = await config.credentials().catch(error => {
    throw awsError(error, `sign in to the cluster ${clusterName}`);
  });
  // The regional endpoint of the partition, and no configured one: EKS calls it, and only accepts AWS's own.
  const endpoint = { Region: region, UseFIPS: false, UseDualStack: false, UseGlobalEndpoint: false };
  const { hostname } = config.endpointProvider(endpoint).url;
  const signer = new SignatureV4({ service: 'sts', region, credentials, sha256: config.sha256 });
  // The SDK learns from answers how far this machine's clock is off.
  const offset = config.systemClockOffset ?? 0;
  const { query = {} } = await signer.presign(
    {
      method: 'GET',
      protocol: 'https:',
      hostname,
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      headers: { host: hostname, [clusterHeader]: clusterName },
    },
    { signingDate: new Date(now + offset), expiresIn: expiresParameter },
  );
  const url = `https://${hostname}/?${Object.entries(query).map(parameter).join('&')}`;
  const credentialsEnd = (credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY) - offset;
  return {
    text: `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`,
    expiresAt: Math.min(now + lifetimeMs, credentialsEnd),
  };
}

/** Encoded as the signature's own rules have it (RFC 3986), which are stricter than a browser's. */
function parameter([name, value]: [string, unknown]): string {
  const encoded = encodeURIComponent(String(value)).replace(
    /[!'()*]/g,
    char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${name}=${encoded}`;
}
