import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { foreignText } from '../network/errors.ts';
import { notSignedIn } from './errors.ts';
import { googleKeyToken } from './google-key.ts';
import { googleScopes } from './google-token.ts';
import { askMetadata } from './metadata.ts';
import type { AccessToken, IdentityRequest } from './request.ts';

const variable = 'GOOGLE_APPLICATION_CREDENTIALS';

const Credentials = z.looseObject({ type: z.string() });
const Metadata = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() });

/**
 * The installation's own token at Google: by GOOGLE_APPLICATION_CREDENTIALS (a file, or its text, since a Lambda function has
 * no files of its own), or else that of the machine. Throws CloudError.
 */
export async function ownGoogleToken(request: IdentityRequest): Promise<AccessToken> {
  const named = request.environment[variable];
  if (named === undefined) return machineToken(request);
  const text = named.trim().startsWith('{') ? named : await fileText(named);
  const type = typeOf(text);
  if (type === 'service_account') return googleKeyToken(request, text, `the key that ${variable} names`);
  return libraryToken(request, text, type);
}

async function fileText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(error => {
    throw notSignedIn(`the file that ${variable} names cannot be read`, { cause: error });
  });
}

function typeOf(text: string): string {
  try {
    return Credentials.parse(JSON.parse(text)).type;
  } catch {
    throw notSignedIn(`what ${variable} names is not JSON with a type, as Google's credentials are`);
  }
}

/** Milliseconds after which a token that says nothing of its end is asked for again. */
const unsaidLifeMs = 10 * 60_000;

/** Federated identities (of a function's role at AWS, say), users and impersonation are the library's matter. */
async function libraryToken({ clock }: IdentityRequest, text: string, type: string): Promise<AccessToken> {
  const { GoogleAuth } = await import('google-auth-library');
  try {
    const client = new GoogleAuth().fromJSON(JSON.parse(text), { transporterOptions: { timeout: 10_000 } });
    // Those that know scopes take them here; the clients of the library differ in how they are told.
    Object.assign(client, { scopes: googleScopes });
    const { token } = await client.getAccessToken();
    if (!token) throw new Error('there is no token in the answer');
    return { token, expiresAt: client.credentials.expiry_date ?? clock.now() + unsaidLifeMs };
  } catch (error) {
    const said = error instanceof Error ? foreignText(error.message.split('\n')[0] ?? '', 300) : '';
    throw notSignedIn(`the credentials that ${variable} names (type ${foreignText(type, 40)}) give no token: ${said}`);
  }
}

/** The service account of the machine, by Google's metadata server. */
async function machineToken({ environment, clock }: IdentityRequest): Promise<AccessToken> {
  const host = environment.GCE_METADATA_HOST;
  if (environment.AWS_LAMBDA_FUNCTION_NAME && !host) throw nobody();
  const base = `http://${host ?? '169.254.169.254'}`;
  const url = new URL('/computeMetadata/v1/instance/service-accounts/default/token', base);
  const now = clock.now();
  const found = await askMetadata(url, { 'metadata-flavor': 'Google' }, Metadata).catch(error => {
    throw nobody(error);
  });
  return { token: found.access_token, expiresAt: now + found.expires_in * 1000 };
}

function nobody(cause?: unknown): Error {
  return notSignedIn(
    `this installation has no identity at Google: set ${variable} where it runs, or name an annotated ServiceAccount in spec.serviceAccountName`,
    { cause },
  );
}
