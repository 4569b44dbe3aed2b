import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import * as z from 'zod';
import { type HttpClient, parseHttpUrl } from '../../network/http.ts';
import { askJson, atService, form } from '../connection.ts';
import type { AccessToken } from '../request.ts';
import { StorageError } from './object-storage.ts';

/** The key of a service account, as Google's console gives it out. */
export interface GoogleKey {
  email: string;
  keyId: string | undefined;
  key: KeyObject;
  tokenUri: string;
}

const KeyFile = z.object({
  type: z.string(),
  client_email: z.string().min(1),
  private_key: z.string().min(1),
  private_key_id: z.string().optional(),
  token_uri: z.string().default('https://oauth2.googleapis.com/token'),
});
const Granted = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() });

const scope = 'https://www.googleapis.com/auth/devstorage.read_only';
/** Seconds; Google gives no longer ones. */
const lifetime = 3600;

/** Reads the key file. Throws StorageError InvalidCredentials, which says nothing of its contents. */
export function googleKey(text: string): GoogleKey {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unusable('is no JSON');
  }
  const { type } = z
    .object({ type: z.string().catch('') })
    .catch({ type: '' })
    .parse(value);
  if (type !== 'service_account')
    throw unusable('is not the key of a service account (JSON with "type": "service_account")');
  const parsed = KeyFile.safeParse(value);
  if (!parsed.success) throw unusable(`lacks ${parsed.error.issues.map(issue => issue.path.join('.')).join(', ')}`);
  const { client_email, private_key, private_key_id, token_uri } = parsed.data;
  try {
    return {
      email: client_email,
      keyId: private_key_id,
      key: createPrivateKey(private_key),
      tokenUri: parseHttpUrl(token_uri).href,
    };
  } catch {
    throw unusable('holds a private_key or a token_uri that cannot be used');
  }
}

/** A token to read objects with: what the key signs, exchanged (RFC 7523). Throws CloudError. */
export async function googleKeyToken(http: HttpClient, key: GoogleKey, now: number): Promise<AccessToken> {
  const seconds = Math.floor(now / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(key.keyId === undefined ? {} : { kid: key.keyId }) };
  const claims = { iss: key.email, scope, aud: key.tokenUri, iat: seconds, exp: seconds + lifetime };
  const content = [header, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const assertion = `${content}.${sign('sha256', Buffer.from(content), key.key).toString('base64url')}`;
  const asked = form(key.tokenUri, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
  const found = await atService(http, 'the token endpoint of Google', client => askJson(client, 'it', asked, Granted));
  return { token: found.access_token, expiresAt: now + found.expires_in * 1000 };
}

function unusable(what: string): StorageError {
  return new StorageError('InvalidCredentials', `the key 'serviceaccount' ${what}`);
}
