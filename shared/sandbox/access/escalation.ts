import type { KubeObject } from '../../api/object.ts';
import { forbidden, notFound } from '../faults.ts';
import { sameValue } from '../objects/same-value.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import type { Authorizer, PolicyRule } from './rbac.ts';
import { mastersGroup, type User } from './user.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

/** Who writes a role or binding, and where. */
export interface Granting {
  authorizer: Authorizer;
  user: User;
  definition: ResourceDefinition;
  namespace: string;
  /** Of the request's path: '' when it creates. */
  name: string;
}

/** One verb on one resource, or on one path. */
interface Right {
  verb: string;
  group?: string;
  resource?: string;
  name?: string | undefined;
  path?: string;
}

const everything: PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/**
 * Nobody gives rights away that they do not hold: roles may be written, and bound, by those who have all that is in them,
 * and by those who may `escalate` and `bind`. Throws 403. A change of what only the garbage collector needs is let through.
 */
export function checkEscalation(granting: Granting, next: KubeObject, live: KubeObject | undefined): void {
  if (granting.user.groups.includes(mastersGroup)) return;
  if (live && onlyCollectorFields(next, live)) return;
  if (granting.definition.plural.endsWith('bindings')) checkBinding(granting, next);
  else checkRole(granting, next, live);
}

function onlyCollectorFields(next: KubeObject, live: KubeObject): boolean {
  const without = ({ metadata, ...rest }: KubeObject): unknown => {
    const { ownerReferences: _, finalizers: __, managedFields: ___, ...others } = metadata;
    return { ...rest, metadata: others };
  };
  return sameValue(without(next), without(live));
}

function checkRole(granting: Granting, role: KubeObject, live: KubeObject | undefined): void {
  const { authorizer, user, definition, namespace, name } = granting;
  const where = { group: rbacGroup, resource: definition.plural, subresource: '', namespace, name };
  if (authorizer.authorize(user, { verb: 'escalate', ...where }).allowed) return;
  refuse(granting, role.metadata.name, missingRights(granting, (role.rules ?? []) as PolicyRule[]));
  if ((gathers(role) || (live && gathers(live))) && missingRights(granting, everything).length > 0)
    throw forbidden(definition, role.metadata.name, 'must have cluster-admin privileges to use the aggregationRule');
}

function gathers(role: KubeObject): boolean {
  return ((role.aggregationRule as { clusterRoleSelectors?: unknown[] } | null)?.clusterRoleSelectors ?? []).length > 0;
}

function checkBinding(granting: Granting, binding: KubeObject): void {
  const { authorizer, user, definition, namespace } = granting;
  const { kind = '', name = '' } = (binding.roleRef ?? {}) as { kind?: string; name?: string };
  const resource = kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  const right = { verb: 'bind', group: rbacGroup, resource, subresource: '', namespace, name };
  if (authorizer.authorize(user, right).allowed) return;
  const rules = authorizer.rulesOf(kind, namespace, name);
  if (!rules) throw notFound(definition, name);
  refuse(granting, binding.metadata.name, missingRights(granting, rules));
}

/** What of the rules the user does not hold. */
function missingRights({ authorizer, user, namespace }: Granting, rules: PolicyRule[]): Right[] {
  const held = authorizer.grants(user, namespace).flatMap(granted => granted.rules);
  return rules.flatMap(rightsIn).filter(right => !held.some(rule => covers(rule, right)));
}

function rightsIn({ apiGroups = [], resources = [], verbs = [], resourceNames, nonResourceURLs = [] }: PolicyRule) {
  const names = resourceNames?.length ? resourceNames : [undefined];
  const onResources = apiGroups.flatMap(group =>
    resources.flatMap(resource => verbs.flatMap(verb => names.map((name): Right => ({ verb, group, resource, name })))),
  );
  return [...onResources, ...nonResourceURLs.flatMap(path => verbs.map((verb): Right => ({ verb, path })))];
}

function covers(rule: PolicyRule, { verb, group, resource, name, path }: Right): boolean {
  if (!rule.verbs.includes('*') && !rule.verbs.includes(verb)) return false;
  if (path !== undefined) return (rule.nonResourceURLs ?? []).some(held => pathCovers(held, path));
  const { apiGroups = [], resources = [], resourceNames = [] } = rule;
  if (!apiGroups.includes('*') && !apiGroups.includes(group!)) return false;
  if (resourceNames.length > 0 && (name === undefined || !resourceNames.includes(name))) return false;
  if (resources.includes('*') || resources.includes(resource!)) return true;
  const slash = resource!.indexOf('/');
  return slash >= 0 && resources.includes(`*${resource!.slice(slash)}`);
}

function pathCovers(held: string, path: string): boolean {
  return held === path || (held.endsWith('*') && path.startsWith(held.slice(0, -1)));
}

function refuse({ user, definition }: Granting, name: string, missing: Right[]): void {
  if (missing.length === 0) return;
  const groups = quoted(user.groups);
  const message = `user ${JSON.stringify(user.name)} (groups=${groups}) is attempting to grant RBAC permissions not currently held:`;
  throw forbidden(definition, name, [message, ...described(missing)].join('\n'));
}

/** The rights as rules, one for each resource, in order. */
function described(rights: Right[]): string[] {
  const verbs = new Map<string, string[]>();
  for (const { verb, group, resource, name, path } of rights) {
    const names = name === undefined ? '' : `, ResourceNames:${quoted([name])}`;
    const what =
      path === undefined
        ? `APIGroups:${quoted([group!])}, Resources:${quoted([resource!])}${names}`
        : `NonResourceURLs:${quoted([path])}`;
    // Paths stay apart, verb by verb.
    const key = path === undefined ? what : `${what}\0${verb}`;
    verbs.set(key, [...(verbs.get(key) ?? []), verb]);
  }
  return [...new Set([...verbs].map(([key, list]) => `{${key.split('\0')[0]}, Verbs:${quoted(list)}}`))].sort();
}

function quoted(texts: string[]): string {
  return `[${texts.map(text => JSON.stringify(text)).join(' ')}]`;
}
