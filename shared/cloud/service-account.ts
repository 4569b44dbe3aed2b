import type { KubeObject } from '../api/object.ts';
import { notSignedIn } from './errors.ts';
import type { IdentityRequest } from './request.ts';

/** A ServiceAccount that signs in at a cloud. */
export interface Account {
  namespace: string;
  name: string;
  uid: string;
  /** `namespace/name`, for messages. */
  where: string;
  annotations: Record<string, string>;
}

/** Reads the ServiceAccount of the object's namespace. Throws CloudError. */
export async function readAccount({ cluster, namespace }: IdentityRequest, name: string): Promise<Account> {
  const where = `${namespace}/${name}`;
  let found: KubeObject | undefined;
  try {
    found = await cluster.get({ apiVersion: 'v1', kind: 'ServiceAccount' }, namespace, name);
  } catch (error) {
    throw notSignedIn(`failed to get service account '${where}'`, { cause: error });
  }
  if (!found) throw notSignedIn(`failed to get service account '${where}': serviceaccounts "${name}" not found`);
  const { uid = '', annotations = {} } = found.metadata;
  return { namespace, name, uid, where, annotations };
}

/** A token that says who the ServiceAccount is, for this audience only. Throws CloudError. */
export async function tokenOf({ cluster }: IdentityRequest, account: Account, audience: string): Promise<string> {
  try {
    const { token } = await cluster.createToken(account.namespace, account.name, { audiences: [audience] });
    return token;
  } catch (error) {
    throw notSignedIn(`failed to create kubernetes token for service account '${account.where}'`, { cause: error });
  }
}

/** An annotation that the sign-in needs, of this form. Throws CloudError that names it. */
export function annotationOf(account: Account, key: string, form: RegExp, example: string): string {
  const value = account.annotations[key];
  if (value !== undefined && form.test(value)) return value;
  const found = value === undefined ? 'lacks the annotation' : 'has an unusable value in the annotation';
  throw notSignedIn(
    `service account '${account.where}' ${found} ${key}; set it to one like ${example}, or remove spec.serviceAccountName`,
  );
}
