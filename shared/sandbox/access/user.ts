/** Who makes a request. */
export interface User {
  name: string;
  groups: string[];
  uid?: string;
  extra?: Record<string, string[]>;
}

export const mastersGroup = 'system:masters';
export const authenticatedGroup = 'system:authenticated';
export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

const serviceAccountPrefix = 'system:serviceaccount:';

/** `system:serviceaccount:namespace:name`, taken apart; undefined for other users. */
export function serviceAccountOf(userName: string): { namespace: string; name: string } | undefined {
  if (!userName.startsWith(serviceAccountPrefix)) return undefined;
  const [namespace, name, rest] = userName.slice(serviceAccountPrefix.length).split(':');
  return namespace && name && rest === undefined ? { namespace, name } : undefined;
}

/** The user that a service account's pods are. */
export function serviceAccountUser(namespace: string, name: string, uid?: string): User {
  return {
    name: `${serviceAccountPrefix}${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, authenticatedGroup],
    ...(uid ? { uid } : {}),
  };
}
