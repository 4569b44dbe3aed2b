/** Tokens of Google for a ServiceAccount of a cluster: its token, exchanged, and perhaps a Google service account's in its place. */
import * as z from 'zod';
import { askJson, atService, form } from './connection.ts';
import { notSignedIn } from './errors.ts';
import type { AccessToken, IdentityRequest } from './request.ts';
import { type Account, annotationOf, tokenOf } from './service-account.ts';

/** Scopes of all tokens, as with Flux: what may be done is said by IAM. */
export const googleScopes = [
  'https://www.googleapis.com/auth/cloud-platform',
  'https://www.googleapis.com/auth/userinfo.email',
];

const providerAnnotation = 'gcp.auth.fluxcd.io/workload-identity-provider';
const emailAnnotation = 'iam.gke.io/gcp-service-account';
const providerForm =
  /^projects\/\d{1,30}\/locations\/global\/workloadIdentityPools\/[\w.-]{1,100}\/providers\/[\w.-]{1,100}$/;
const emailForm = /^[a-zA-Z0-9-]{1,100}@[a-zA-Z0-9-]{1,100}\.iam\.gserviceaccount\.com$/;

/** For whom the cluster's token has to be, and which Google service account is meant, if any. Throws CloudError. */
export function googleIdentity(account: Account): { audience: string; email: string | undefined } {
  const provider = annotationOf(
    account,
    providerAnnotation,
    providerForm,
    'projects/123456789012/locations/global/workloadIdentityPools/<pool>/providers/<provider>',
  );
  const email = account.annotations[emailAnnotation]
    ? annotationOf(account, emailAnnotation, emailForm, 'sources@<project>.iam.gserviceaccount.com')
    : undefined;
  return { audience: `//iam.googleapis.com/${provider}`, email };
}

const Exchanged = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });
const Generated = z.object({ accessToken: z.string().min(1), expireTime: z.iso.datetime({ offset: true }) });

/** A token for the ServiceAccount. Throws CloudError. */
export async function federatedGoogleToken(request: IdentityRequest, account: Account): Promise<AccessToken> {
  const { audience, email } = googleIdentity(account);
  const subject = await tokenOf(request, account, audience);
  const federated = await exchange(request, audience, subject);
  return email === undefined ? federated : impersonate(request, federated, email);
}

/** RFC 8693, at Google's Security Token Service. */
async function exchange(
  { http, environment, clock }: IdentityRequest,
  audience: string,
  subject: string,
): Promise<AccessToken> {
  const what = 'the Security Token Service of Google';
  const base = environment.CLOUDSDK_API_ENDPOINT_OVERRIDES_STS ?? 'https://sts.googleapis.com/';
  const asked = form(new URL('v1/token', base).href, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience,
    scope: googleScopes.join(' '),
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token: subject,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  });
  const now = clock.now();
  const found = await atService(http, what, client => askJson(client, what, asked, Exchanged));
  return { token: found.access_token, expiresAt: now + found.expires_in * 1000 };
}

async function impersonate(
  { http, environment }: IdentityRequest,
  { token }: AccessToken,
  email: string,
): Promise<AccessToken> {
  const what = 'the IAM Service Account Credentials API of Google';
  const base = environment.CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS ?? 'https://iamcredentials.googleapis.com/';
  const asked = {
    method: 'POST',
    url: new URL(`v1/projects/-/serviceAccounts/${email}:generateAccessToken`, base).href,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ scope: googleScopes, lifetime: '3600s' }),
  } as const;
  const found = await atService(http, what, client => askJson(client, what, asked, Generated));
  const expiresAt = Date.parse(found.expireTime);
  if (Number.isNaN(expiresAt)) throw notSignedIn(`${what} answers without a time at which its token ends`);
  return { token: found.accessToken, expiresAt };
}
