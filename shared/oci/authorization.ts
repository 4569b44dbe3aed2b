import * as z from 'zod';
import { type HttpClient, shown } from '../network/http.ts';
import { answerError, jsonOf } from './answers.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { OciError } from './errors.ts';
import { askRealm, checkRealm, type RealmOwner } from './realm.ts';
import type { RegistryCredentials } from './registry-types.ts';

/** A token server's answer. */
const Token = z.object({
  token: z.string().nullish(),
  access_token: z.string().nullish(),
  refresh_token: z.string().nullish(),
});

/**
 * How to sign requests to one registry: not at all, by `Basic`, or by a token of the server that the registry names. Tokens
 * are kept as long as this lives.
 */
export class Authorization {
  readonly #http: HttpClient;
  readonly #owner: RealmOwner;
  readonly #scopes: string[];
  #credentials: RegistryCredentials | undefined;
  #challenge: Challenge | undefined;
  #token: Promise<string> | undefined;

  constructor(
    http: HttpClient,
    owner: RealmOwner,
    repository: string,
    credentials: RegistryCredentials | undefined,
    header: string | undefined,
  ) {
    this.#http = http;
    this.#owner = owner;
    this.#scopes = [`repository:${repository}:pull`];
    this.#credentials = credentials;
    // Of several, the first that is known; `Negotiate` and its like are not.
    this.#challenge = parseChallenges(header).find(({ scheme }) => scheme === 'bearer' || scheme === 'basic');
    if (header !== undefined && !this.#challenge)
      throw new OciError(
        'AuthenticationFailed',
        `the registry ${owner.host} asks for a sign-in that is neither Basic nor Bearer`,
      );
  }

  /** Whether requests carry credentials of somebody; an anonymous token is of nobody. */
  get signedIn(): boolean {
    return this.#credentials !== undefined;
  }

  /** The Authorization header; undefined when the registry asks for none. Throws OciError. */
  async header(): Promise<string | undefined> {
    if (!this.#challenge) return undefined;
    const credentials = this.#credentials;
    if (credentials && 'bearerToken' in credentials) return `Bearer ${headerText(credentials.bearerToken)}`;
    if (this.#challenge.scheme === 'basic')
      return credentials && 'username' in credentials ? basic(credentials) : undefined;
    this.#token ??= this.#ask(this.#challenge);
    return `Bearer ${await this.#token}`;
  }

  /** A request was refused, with these challenges: whether it is worth another one, with a new token. */
  refused(header: string | undefined): boolean {
    if (this.#challenge?.scheme !== 'bearer') return false;
    if (this.#credentials && 'bearerToken' in this.#credentials) return false;
    const scope = parseChallenges(header).find(({ scheme }) => scheme === 'bearer')?.parameters.scope;
    // Some servers look at the first scope only.
    if (scope !== undefined && isPull(scope) && !this.#scopes.includes(scope)) this.#scopes.unshift(scope);
    this.#token = undefined;
    return true;
  }

  async #ask({ parameters }: Challenge): Promise<string> {
    const realm = checkRealm(parameters.realm ?? '', this.#owner);
    const identity = this.#credentials && 'identityToken' in this.#credentials ? this.#credentials : undefined;
    const answer = identity
      ? await this.#exchange(realm, parameters.service, identity.identityToken)
      : await this.#get(realm, parameters.service);
    const where = `the token server ${shown(realm)}`;
    if (answer.status !== 200) throw answerError(where, answer.status, answer.body, { signedIn: this.signedIn });
    const parsed = Token.safeParse(jsonOf(answer.body));
    const token = parsed.data?.access_token || parsed.data?.token;
    if (!token) throw new OciError('NotRegistry', `${where} answers without a token`);
    // Where tokens to refresh with are handed out, the first one was used up.
    if (identity && parsed.data?.refresh_token) this.#credentials = { identityToken: parsed.data.refresh_token };
    return headerText(token);
  }

  async #get(realm: URL, service: string | undefined) {
    const url = new URL(realm);
    for (const scope of this.#scopes) url.searchParams.append('scope', scope);
    if (service !== undefined) url.searchParams.set('service', service);
    const credentials = this.#credentials;
    const headers = credentials && 'username' in credentials ? { authorization: basic(credentials) } : undefined;
    return askRealm(this.#http, headers ? { headers } : {}, url, this.#owner);
  }

  /** OAuth 2: an identity token for one of the repository. Token servers that do not know it answer 404. */
  async #exchange(realm: URL, service: string | undefined, refreshToken: string) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: 'sluice',
      scope: this.#scopes.join(' '),
      ...(service === undefined ? {} : { service }),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const request = { method: 'POST', headers, body: form.toString() } as const;
    const answer = await askRealm(this.#http, request, realm, this.#owner);
    return answer.status === 404 || answer.status === 405 ? this.#get(realm, service) : answer;
  }
}

/** Nothing but reading is ever asked for, whatever a registry says. */
function isPull(scope: string): boolean {
  return scope.length < 1024 && /^\S+:\S+:pull$/.test(scope);
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Throws OciError InvalidCredentials for what no header may hold. */
function headerText(token: string): string {
  if (!/^[\x21-\x7e]{1,65536}$/.test(token))
    throw new OciError('InvalidCredentials', 'the token for the registry holds characters that no header may hold');
  return token;
}
