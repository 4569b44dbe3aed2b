import { createPrivateKey, sign } from 'node:crypto';
import * as z from 'zod';
import type { HttpClient } from '../network/http.ts';
import type { Clock } from '../ports/clock.ts';
import { askJson, atService, form } from './connection.ts';
import { notSignedIn } from './errors.ts';
import { googleScopes } from './google-token.ts';
import type { AccessToken } from './request.ts';

/** The key of a Google service account, as the console gives it out. Other types of credentials are none. */
const ServiceAccountKey = z.object({
  type: z.literal('service_account'),
  client_email: z.string().min(3).max(320),
  private_key: z.string().min(1),
  private_key_id: z.string().optional(),
  token_uri: z.url({ protocol: /^https?$/ }).default('https://oauth2.googleapis.com/token'),
});

const Granted = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/**
 * A token for the service account whose key this JSON text is: the `serviceaccount` of a Bucket's Secret, say; `where` names
 * it in messages. Other types of credentials (external accounts, which can name files, programs and addresses of the machine)
 * are refused: the text may be a tenant's. Throws CloudError.
 */
export async function googleKeyToken(
  { http, clock }: { http: HttpClient; clock: Clock },
  text: string,
  where: string,
): Promise<AccessToken> {
  const key = keyOf(text, where);
  const now = clock.now();
  const asked = form(key.token_uri, {
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: assertionOf(key, where, now),
  });
  const what = 'the token service of Google';
  const found = await atService(http, what, client => askJson(client, what, asked, Granted));
  return { token: found.access_token, expiresAt: now + found.expires_in * 1000 };
}

function keyOf(text: string, where: string): z.infer<typeof ServiceAccountKey> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notSignedIn(`${where} is not JSON; it has to be the key file of a Google service account`);
  }
  const parsed = ServiceAccountKey.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(issue => issue.path.join('.')).join(', ');
  throw notSignedIn(
    `${where} is no key of a Google service account (type service_account): see ${fields || 'its form'}`,
  );
}

/** RFC 7523. */
function assertionOf(key: z.infer<typeof ServiceAccountKey>, where: string, now: number): string {
  const seconds = Math.floor(now / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(key.private_key_id ? { kid: key.private_key_id } : {}) };
  const claims = {
    iss: key.client_email,
    scope: googleScopes.join(' '),
    aud: key.token_uri,
    iat: seconds,
    exp: seconds + 3600,
  };
  const content = [header, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  try {
    return `${content}.${sign('sha256', Buffer.from(content), createPrivateKey(key.private_key)).toString('base64url')}`;
  } catch (cause) {
    throw notSignedIn(`the private_key of ${where} cannot be used`, { cause });
  }
}
