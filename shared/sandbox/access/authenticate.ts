import type { IncomingHttpHeaders } from 'node:http';
import { badRequest, Fault, unauthorized } from '../faults.ts';
import type { Authorizer } from './rbac.ts';
import type { Tokens } from './tokens.ts';
import { anonymous, authenticatedGroup, serviceAccountOf, serviceAccountUser, type User } from './user.ts';

/** Who a request comes from, and who it wants to be taken for. Throws 401 for a wrong token, 403 for a forbidden mask. */
export function authenticate(headers: IncomingHttpHeaders, tokens: Tokens, authorizer: Authorizer): User {
  const user = bearer(headers.authorization, tokens);
  return impersonated(headers, user, authorizer) ?? user;
}

function bearer(header: string | undefined, tokens: Tokens): User {
  if (!header) return anonymous;
  const match = /^Bearer\s+(\S+)$/i.exec(header);
  const user = match && tokens.userOf(match[1]!);
  if (!user) throw unauthorized();
  return user;
}

function impersonated(headers: IncomingHttpHeaders, user: User, authorizer: Authorizer): User | undefined {
  const name = one(headers['impersonate-user']);
  const groups = many(headers['impersonate-group']);
  if (!name) {
    if (groups.length > 0 || headers['impersonate-uid'])
      throw badRequest(
        `requested &user.DefaultInfo{Name:"", UID:${JSON.stringify(one(headers['impersonate-uid']) ?? '')}, Groups:[]string{${groups.map(group => JSON.stringify(group)).join(', ')}}, Extra:map[string][]string(nil)} without impersonating a user name`,
      );
    return undefined;
  }
  const account = serviceAccountOf(name);
  if (account) mayImpersonate(authorizer, user, 'serviceaccounts', account.name, account.namespace);
  else mayImpersonate(authorizer, user, 'users', name);
  for (const group of groups) mayImpersonate(authorizer, user, 'groups', group);
  if (name === anonymous.name) return anonymous;
  if (account && groups.length === 0) return serviceAccountUser(account.namespace, account.name);
  return { name, groups: [...new Set([...groups, authenticatedGroup])], extra: extraOf(headers) };
}

function mayImpersonate(authorizer: Authorizer, user: User, plural: string, name: string, namespace = ''): void {
  const attributes = { verb: 'impersonate', group: '', resource: plural, subresource: '', namespace, name };
  const decision = authorizer.authorize(user, attributes);
  if (decision.allowed) return;
  throw new Fault(403, 'Forbidden', `${plural} ${JSON.stringify(name)} is forbidden: ${decision.reason}`, {
    name,
    kind: plural,
  });
}

function extraOf(headers: IncomingHttpHeaders): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  const prefix = 'impersonate-extra-';
  for (const [header, value] of Object.entries(headers))
    if (header.startsWith(prefix)) extra[decodeURIComponent(header.slice(prefix.length))] = many(value);
  return extra;
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Node joins repeated headers of this kind by a comma. */
function many(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : value.split(',')).map(part => part.trim()).filter(part => part !== '');
}
