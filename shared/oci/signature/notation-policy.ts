import * as z from 'zod';
import { type DistinguishedName, isPartOf, parseDistinguishedName } from './distinguished-name.ts';
import { SignatureError } from './errors.ts';

/** Name of the trust policy among the Secret's files. */
export const policyFile = 'trustpolicy.json';

/** What of a signature is looked at. */
export const checks = ['integrity', 'authenticity', 'authenticTimestamp', 'expiry', 'revocation'] as const;
export type Check = (typeof checks)[number];
/** `enforce`: a failure refuses the signature; `log`: it is only said; `skip`: it is not looked at. */
export type Action = 'enforce' | 'log' | 'skip';
export type Actions = Readonly<Record<Check, Action>>;

/** The levels of the Notary Project's trust policies. */
const levels: Readonly<Record<string, Actions>> = {
  strict: actions('enforce', 'enforce'),
  permissive: actions('enforce', 'log'),
  audit: actions('log', 'log'),
  skip: { ...actions('skip', 'skip'), integrity: 'skip' },
};

function actions(authenticity: Action, rest: Action): Actions {
  return { integrity: 'enforce', authenticity, authenticTimestamp: rest, expiry: rest, revocation: rest };
}

const Statement = z.object({
  name: z.string().min(1),
  registryScopes: z.array(z.string()).nonempty(),
  signatureVerification: z.object({
    level: z.enum(['strict', 'permissive', 'audit', 'skip']),
    override: z.partialRecord(z.enum(checks), z.enum(['enforce', 'log', 'skip'])).optional(),
    verifyTimestamp: z.enum(['', 'always', 'afterCertExpiry']).optional(),
  }),
  trustStores: z.array(z.string()).nullish(),
  trustedIdentities: z.array(z.string()).nullish(),
});
const Document = z.object({ version: z.literal('1.0'), trustPolicies: z.array(Statement).nonempty() });

/** A statement of the trust policy, checked. */
export interface TrustStatement {
  name: string;
  scopes: string[];
  /** Undefined for level skip: nobody need have signed. */
  actions: Actions | undefined;
  /** Kinds of trust stores it trusts: all of them hold the Secret's certificates. */
  stores: Set<'ca' | 'signingAuthority' | 'tsa'>;
  /** Undefined: everybody of the trust stores. */
  identities: DistinguishedName[] | undefined;
  timestamps: 'always' | 'afterCertExpiry';
}

/** Parses and checks a trust policy. Throws SignatureError InvalidConfiguration. */
export function parseTrustPolicy(bytes: Buffer): TrustStatement[] {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw refused(`error occurred while parsing ${policyFile}: it is no JSON`, cause);
  }
  const document = Document.safeParse(json);
  if (!document.success)
    throw refused(`${policyFile}: ${z.prettifyError(document.error).replaceAll(/\s*\n\s*/g, ' ')}`);
  const statements = document.data.trustPolicies.map(statementOf);
  once(
    statements.map(({ name }) => name),
    name => `the name '${name}' stands for more than one statement`,
  );
  once(
    statements.flatMap(({ scopes }) => scopes),
    scope => `registry scope '${scope}' is in more than one statement`,
  );
  return statements;
}

function once(values: string[], problem: (value: string) => string): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw refused(`${policyFile}: ${problem(twice)}`);
}

/**
 * The statement for a repository: the one that names it, else the one for all. Throws SignatureError
 * NoApplicableTrustPolicy.
 */
export function statementFor(statements: TrustStatement[], repository: string): TrustStatement {
  const named = statements.find(({ scopes }) => scopes.includes(repository));
  const found = named ?? statements.find(({ scopes }) => scopes.includes('*'));
  if (found) return found;
  throw new SignatureError(
    'NoApplicableTrustPolicy',
    `artifact '${repository}' has no applicable trust policy statement: no registryScopes of ${policyFile} name it, or '*'`,
  );
}

function statementOf(statement: z.infer<typeof Statement>): TrustStatement {
  const { name, registryScopes, signatureVerification, trustStores, trustedIdentities } = statement;
  const where = `${policyFile}: statement '${name}'`;
  for (const scope of registryScopes) checkScope(scope, registryScopes, where);
  const { level, override = {}, verifyTimestamp } = signatureVerification;
  const timestamps = verifyTimestamp === 'afterCertExpiry' ? 'afterCertExpiry' : 'always';
  const common = { name, scopes: registryScopes, timestamps } as const;
  if (level === 'skip') {
    if (Object.keys(override).length > 0) throw refused(`${where}: level skip cannot be overridden`);
    // What it may still trust is left alone, as Flux does, which only warns of it.
    return { ...common, actions: undefined, stores: new Set(), identities: undefined };
  }
  if (!trustStores?.length || !trustedIdentities?.length)
    throw refused(`${where} needs both trustStores and trustedIdentities`);
  return {
    ...common,
    actions: overridden(levels[level]!, override, where),
    stores: new Set(trustStores.map(store => storeKind(store, where))),
    identities: identitiesOf(trustedIdentities, where),
  };
}

function overridden(base: Actions, override: Partial<Record<Check, Action>>, where: string): Actions {
  if (override.integrity) throw refused(`${where}: integrity is always enforced and cannot be overridden`);
  const skipped = checks.find(check => override[check] === 'skip' && check !== 'revocation');
  if (skipped) throw refused(`${where}: ${skipped} cannot be skipped`);
  return { ...base, ...override };
}

const domain = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?$/;
const pathPart = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;

function checkScope(scope: string, scopes: string[], where: string): void {
  if (scope === '*') {
    if (scopes.length > 1) throw refused(`${where}: registry scope '*' stands for all and allows no others beside it`);
    return;
  }
  const [host = '', ...path] = scope.split('/');
  if (domain.test(host) && path.length > 0 && path.every(part => pathPart.test(part))) return;
  throw refused(
    `${where}: registry scope '${scope}' is no repository: write host/path, without scheme, tag and wildcards`,
  );
}

function storeKind(store: string, where: string): 'ca' | 'signingAuthority' | 'tsa' {
  const [, kind] = /^(ca|signingAuthority|tsa):[a-zA-Z0-9_.-]+$/.exec(store) ?? [];
  if (kind) return kind as 'ca' | 'signingAuthority' | 'tsa';
  throw refused(`${where}: trust store '${store}' is not of the form ca:<name>, signingAuthority:<name> or tsa:<name>`);
}

function identitiesOf(identities: string[], where: string): DistinguishedName[] | undefined {
  if (identities.includes('*')) {
    if (identities.length > 1)
      throw refused(`${where}: trusted identity '*' stands for all and allows no others beside it`);
    return undefined;
  }
  const names: DistinguishedName[] = [];
  for (const identity of identities) {
    const [, kind, value] = /^([^:]*):(.*)$/s.exec(identity) ?? [];
    if (kind === undefined)
      throw refused(`${where}: trusted identity '${identity}' is not of the form x509.subject:<name>`);
    // Others are for plugins to understand.
    if (kind !== 'x509.subject') continue;
    names.push(nameOf(value ?? '', where));
  }
  const overlapping = names.some((one, i) => names.some((other, j) => i !== j && isPartOf(one, other)));
  if (overlapping) throw refused(`${where}: one of its trusted identities includes another`);
  return names;
}

function nameOf(value: string, where: string): DistinguishedName {
  try {
    return parseDistinguishedName(value);
  } catch (cause) {
    throw refused(`${where}: trusted identity 'x509.subject:${value}': ${messageOf(cause)}`, cause);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function refused(message: string, cause?: unknown): SignatureError {
  return new SignatureError('InvalidConfiguration', message, cause === undefined ? {} : { cause });
}
