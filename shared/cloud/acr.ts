import * as z from 'zod';
import { askJson, atService, form } from './connection.ts';
import type { AccessToken, IdentityRequest, RegistryLogin } from './request.ts';

/** The scope of tokens for registries, in all of Azure's clouds. */
export const acrScope = 'https://containerregistry.azure.net/.default';

/** The user that a registry takes its own refresh tokens of. */
const username = '00000000-0000-0000-0000-000000000000';

const Exchanged = z.object({ refresh_token: z.string().min(1) });
const Claims = z.object({ exp: z.number() });

/** Exchanges a token of Entra ID for one of the registry `host`. Throws CloudError. */
export async function acrLogin(
  { http }: IdentityRequest,
  { token }: AccessToken,
  host: string,
): Promise<RegistryLogin> {
  const asked = form(`https://${host}/oauth2/exchange`, {
    grant_type: 'access_token',
    service: host,
    access_token: token,
  });
  const what = 'the registry';
  const { refresh_token: password } = await atService(http, `${what} ${host}`, client =>
    askJson(client, what, asked, Exchanged),
  );
  return { username, password, expiresAt: expiryOf(password) };
}

/** The registry's token says when it ends; one that says nothing is used at once and not again. */
function expiryOf(token: string): number {
  try {
    return Claims.parse(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))).exp * 1000;
  } catch {
    return 0;
  }
}
