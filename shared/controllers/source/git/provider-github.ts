import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import * as z from 'zod';
import { foreignText } from '../../../network/errors.ts';
import { type HttpClient, type HttpRequest, parseHttpUrl } from '../../../network/http.ts';
import type { Clock } from '../../../ports/clock.ts';
import { RetryError } from '../../../reconcile/errors.ts';
import type { SourceSecret } from '../secret.ts';

/** A GitHub App that is installed somewhere, as the Secret of spec.secretRef names it. */
export interface GitHubApp {
  /** The App's id, or its client id. */
  id: string;
  /** Of the installation; otherwise it is looked for by the organization or user that it belongs to. */
  installationId?: string | undefined;
  owner?: string | undefined;
  /** PEM. */
  privateKey: string;
  /** Of the API: `https://api.github.com`, or `https://<server>/api/v3` of a GitHub Enterprise Server. */
  baseUrl: string;
}

/** Reads the App from a Secret. Throws a RetryError InvalidProviderConfiguration that names the key that is wrong. */
export function readApp(secret: SourceSecret): GitHubApp {
  const invalid = (why: string) => new RetryError('InvalidProviderConfiguration', `secret '${secret.where}': ${why}`);
  const text = (key: string) => secret.text(key)?.trim() || undefined;
  const [id, owner, installationId] = [
    text('githubAppID'),
    text('githubAppInstallationOwner'),
    text('githubAppInstallationID'),
  ];
  const privateKey = text('githubAppPrivateKey');
  const baseUrl = text('githubAppBaseURL') ?? 'https://api.github.com';
  if (!id) throw invalid("key 'githubAppID' not found");
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(id))
    throw invalid("'githubAppID' is neither the id of a GitHub App nor a client id");
  if (!privateKey) throw invalid("key 'githubAppPrivateKey' not found");
  if (!owner === !installationId)
    throw invalid("it must contain exactly one of 'githubAppInstallationOwner' or 'githubAppInstallationID'");
  if (installationId && !/^[1-9]\d{0,18}$/.test(installationId))
    throw invalid("'githubAppInstallationID' is no number");
  if (!URL.canParse(baseUrl) || !/^https?:/.test(baseUrl))
    throw invalid("'githubAppBaseURL' is no address: write https://<server>/api/v3");
  return { id, owner, installationId, privateKey, baseUrl: parseHttpUrl(baseUrl).href.replace(/\/+$/, '') };
}

interface Token {
  value: string;
  /** Epoch ms. */
  expiresAt: number;
}

/** Tokens of this process, by App and key: all objects with the same App share one. */
const tokens = new Map<string, Promise<Token>>();
const mostTokens = 500;
/** Before a token expires a new one is asked for, so that the fetch it is for does not outlive it. They last an hour. */
const marginMs = 5 * 60_000;

/**
 * A token for what the installation may read: the password that goes with the user x-access-token. Kept in memory until
 * shortly before it expires. Throws a RetryError AuthenticationFailed, or a NetworkError.
 */
export async function installationToken(app: GitHubApp, http: HttpClient, clock: Clock): Promise<string> {
  const key = keyOf(app);
  const known = tokens.get(key);
  if (known) {
    const token = await known.catch(() => undefined);
    if (token && token.expiresAt - marginMs > clock.now()) return token.value;
    if (tokens.get(key) === known) tokens.delete(key);
  }
  // Another object may have begun to ask while this one looked.
  const asked = tokens.get(key) ?? askForToken(app, http, clock);
  if (tokens.size >= mostTokens) tokens.clear();
  tokens.set(key, asked);
  try {
    return (await asked).value;
  } catch (error) {
    if (tokens.get(key) === asked) tokens.delete(key);
    throw error;
  }
}

/** Gives up a token that was refused: who suspends an installation revokes its tokens. */
export function forgetToken(app: GitHubApp): void {
  tokens.delete(keyOf(app));
}

/** Of the private key, too: naming somebody's App is not enough to get its token. */
function keyOf(app: GitHubApp): string {
  const { id, owner, installationId, privateKey, baseUrl } = app;
  return createHash('sha256')
    .update(JSON.stringify([id, owner, installationId, privateKey, baseUrl]))
    .digest('hex');
}

const AccessToken = z.object({
  token: z.string().regex(/^[\x21-\x7e]+$/),
  expires_at: z.iso.datetime({ offset: true }),
});
const Installation = z.object({ id: z.int().positive() });

async function askForToken(app: GitHubApp, http: HttpClient, clock: Clock): Promise<Token> {
  const jwt = await appJwt(app, clock);
  const installation = app.installationId ?? (await findInstallation(app, http, jwt));
  const path = `/app/installations/${installation}/access_tokens`;
  const { token, expires_at } = await ask(app, http, jwt, { method: 'POST', path }, AccessToken);
  return { value: token, expiresAt: Date.parse(expires_at) };
}

/** The owner may be an organization or a user. */
async function findInstallation(app: GitHubApp, http: HttpClient, jwt: string): Promise<number> {
  const owner = encodeURIComponent(app.owner ?? '');
  try {
    return (await ask(app, http, jwt, { path: `/orgs/${owner}/installation` }, Installation)).id;
  } catch (error) {
    if (!(error instanceof NotThere)) throw error;
    return (await ask(app, http, jwt, { path: `/users/${owner}/installation` }, Installation)).id;
  }
}

/** Proves to be the App: signed with its key, good for two minutes, of which half a one is for clocks that differ. */
async function appJwt({ id, privateKey }: GitHubApp, clock: Clock): Promise<string> {
  const { SignJWT } = await import('jose');
  const issued = Math.floor(clock.now() / 1000) - 30;
  const jwt = new SignJWT()
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(id)
    .setIssuedAt(issued)
    .setExpirationTime(issued + 120);
  return jwt.sign(rsaKey(privateKey));
}

function rsaKey(pem: string): KeyObject {
  const unusable = (why: string) =>
    new RetryError('AuthenticationFailed', `could not parse private key: 'githubAppPrivateKey' ${why}`);
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // What the library says can quote what it could not read.
    throw unusable('is no private key in PEM: copy the file that GitHub gave');
  }
  if (key.asymmetricKeyType !== 'rsa') throw unusable('is no RSA key');
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) throw unusable('has fewer than 2048 bits');
  return key;
}

class NotThere extends RetryError {}

interface Asked {
  method?: HttpRequest['method'];
  path: string;
}

async function ask<T>(
  app: GitHubApp,
  http: HttpClient,
  jwt: string,
  { method = 'GET', path }: Asked,
  schema: z.ZodType<T>,
): Promise<T> {
  const answer = await http.read(
    {
      method,
      url: `${app.baseUrl}${path}`,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${jwt}`,
        'x-github-api-version': '2022-11-28',
      },
    },
    256 * 1024,
  );
  const body = parseJson(answer.body);
  if (answer.status >= 200 && answer.status < 300) {
    const { data } = schema.safeParse(body);
    if (data !== undefined) return data;
    throw new RetryError('AuthenticationFailed', `${app.baseUrl}${path} answers what GitHub's API does not`);
  }
  throw refusal(app, path, answer, body);
}

function refusal(
  app: GitHubApp,
  path: string,
  { status, headers }: { status: number; headers: Record<string, string | string[] | undefined> },
  body: unknown,
): RetryError {
  const said = z.object({ message: z.string() }).safeParse(body).data?.message;
  const advice: Record<number, string> = {
    401: "the App's id and private key do not belong together, or this machine's clock is wrong",
    403: 'the installation is suspended, or GitHub limits the rate',
    404: app.installationId
      ? "there is no such installation of this App: check 'githubAppInstallationID'"
      : `the App is not installed for '${foreignText(app.owner ?? '', 100)}': check 'githubAppInstallationOwner'`,
  };
  const detail = `${status}${said ? ` (“${foreignText(said, 200)}”)` : ''}${advice[status] ? `: ${advice[status]}` : ''}`;
  const message = `${app.baseUrl}${path} answered ${detail}`;
  const seconds = Number(headers['retry-after']);
  const options = seconds > 0 ? { afterMs: Math.min(seconds, 3600) * 1000 } : {};
  const type = status === 404 ? NotThere : RetryError;
  return new type('AuthenticationFailed', message, options);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
