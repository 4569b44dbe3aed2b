import type { KubeObject } from '../../api/object.ts';
import type { Store } from '../store/store.ts';
import { mastersGroup, serviceAccountOf, type User } from './user.ts';

/** What somebody wants to do with a resource. */
export interface ResourceAttributes {
  verb: string;
  group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
}

/** What somebody wants to do with a path that is no resource. */
export interface PathAttributes {
  verb: string;
  path: string;
}

export interface PolicyRule {
  verbs: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
}

export interface Decision {
  allowed: boolean;
  /** Why: which binding allows it, or the sentence that a refusal shows. */
  reason: string;
}

interface Subject {
  kind: string;
  name: string;
  namespace?: string;
}

interface Granted {
  rules: PolicyRule[];
  via: string;
}

const rbac = 'rbac.authorization.k8s.io';

/** Kubernetes' role-based access control over the stored roles and bindings. */
export class Authorizer {
  readonly #store: Store;
  /** Rules by `user name \0 groups \0 namespace`; forgotten whenever a role or binding changes. */
  readonly #granted = new Map<string, Granted[]>();

  constructor(store: Store) {
    this.#store = store;
    store.listeners.add(change => {
      if (change.entry.resource.startsWith(`${rbac}/`)) this.#granted.clear();
    });
  }

  authorize(user: User, attributes: ResourceAttributes | PathAttributes): Decision {
    if (user.groups.includes(mastersGroup)) return { allowed: true, reason: '' };
    const namespace = 'path' in attributes ? '' : attributes.namespace;
    for (const granted of this.grants(user, namespace))
      if (granted.rules.some(rule => allows(rule, attributes)))
        return { allowed: true, reason: `RBAC: ${granted.via}` };
    return { allowed: false, reason: refusal(user, attributes) };
  }

  /** What the user may do in a namespace ('' for the cluster): its rules, and the bindings they come by. */
  grants(user: User, namespace: string): Granted[] {
    const key = [user.name, user.groups.join(','), namespace].join('\0');
    let granted = this.#granted.get(key);
    if (!granted) {
      granted = [...this.#clusterGrants(user), ...(namespace ? this.#namespaceGrants(user, namespace) : [])];
      if (this.#granted.size > 10_000) this.#granted.clear();
      this.#granted.set(key, granted);
    }
    return granted;
  }

  *#clusterGrants(user: User): Generator<Granted> {
    for (const { object } of this.#store.collection(`${rbac}/clusterrolebindings`).entries()) {
      const subject = boundSubject(object, user, '');
      if (subject) yield this.#grant(object, '', subject);
    }
  }

  *#namespaceGrants(user: User, namespace: string): Generator<Granted> {
    for (const { object } of this.#store.collection(`${rbac}/rolebindings`).entries(namespace)) {
      const subject = boundSubject(object, user, namespace);
      if (subject) yield this.#grant(object, namespace, subject);
    }
  }

  #grant(binding: KubeObject, namespace: string, subject: Subject): Granted {
    const { kind, name } = binding.roleRef as { kind: string; name: string };
    const bindingName = namespace ? `${binding.metadata.name}/${namespace}` : binding.metadata.name;
    return {
      rules: this.rulesOf(kind, namespace, name) ?? [],
      via: `allowed by ${binding.kind} "${bindingName}" of ${kind} "${name}" to ${subjectText(subject, namespace)}`,
    };
  }

  /** What a role allows; undefined when there is none of the name. */
  rulesOf(kind: string, namespace: string, name: string): PolicyRule[] | undefined {
    const role =
      kind === 'ClusterRole'
        ? this.#store.get(`${rbac}/clusterroles`, '', name)
        : this.#store.get(`${rbac}/roles`, namespace, name);
    return role && ((role.object.rules ?? []) as PolicyRule[]);
  }
}

function subjectText({ kind, name, namespace }: Subject, bindingNamespace: string): string {
  return kind === 'ServiceAccount'
    ? `ServiceAccount "${name}/${namespace || bindingNamespace}"`
    : `${kind} ${JSON.stringify(name)}`;
}

/** The subject of a binding that the user is. */
function boundSubject(binding: KubeObject, user: User, namespace: string): Subject | undefined {
  return ((binding.subjects ?? []) as Subject[]).find(subject => {
    switch (subject.kind) {
      case 'User':
        return subject.name === user.name;
      case 'Group':
        return user.groups.includes(subject.name);
      case 'ServiceAccount': {
        const account = serviceAccountOf(user.name);
        return account?.name === subject.name && account.namespace === (subject.namespace || namespace);
      }
      default:
        return false;
    }
  });
}

function has(list: string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(value));
}

/** Whether one rule allows it. */
export function allows(rule: PolicyRule, attributes: ResourceAttributes | PathAttributes): boolean {
  if (!has(rule.verbs, attributes.verb)) return false;
  if ('path' in attributes) return (rule.nonResourceURLs ?? []).some(url => pathMatches(url, attributes.path));
  const { group, resource, subresource, name } = attributes;
  if (!has(rule.apiGroups, group)) return false;
  if (rule.resourceNames?.length && !rule.resourceNames.includes(name)) return false;
  const { resources = [] } = rule;
  const full = subresource ? `${resource}/${subresource}` : resource;
  return (
    resources.includes('*') ||
    resources.includes(full) ||
    (subresource !== '' && resources.includes(`*/${subresource}`))
  );
}

function pathMatches(pattern: string, path: string): boolean {
  return pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));
}

function refusal(user: User, attributes: ResourceAttributes | PathAttributes): string {
  const who = `User ${JSON.stringify(user.name)} cannot ${attributes.verb}`;
  if ('path' in attributes) return `${who} path ${JSON.stringify(attributes.path)}`;
  const { group, resource, subresource, namespace } = attributes;
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
  return `${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}`;
}
