import { notSignedIn } from './errors.ts';

/** What an object says of the way to the server that its credentials are shown to. */
export interface Way {
  /** spec.serviceAccountName: then the credentials are the tenant's own. */
  serviceAccountName?: string | undefined;
  /** Whether spec.proxySecretRef names a proxy. */
  proxied: boolean;
  /** Whether a Secret of the object names authorities to be trusted. */
  ownAuthorities: boolean;
  /** spec.insecure */
  insecure?: boolean | undefined;
}

/**
 * The installation's own credentials are shown to the cloud, and not to who made the object: whoever names the proxy and whom to
 * trust beyond it could read them in passing. Throws CloudError, with what to change.
 */
export function checkConfidential({ serviceAccountName, proxied, ownAuthorities, insecure }: Way): void {
  if (serviceAccountName) return;
  const instead = "or name a ServiceAccount in spec.serviceAccountName, whose credentials are the object's own";
  if (insecure)
    throw notSignedIn(
      `the installation's credentials are not shown over a connection that is not checked; remove spec.insecure, ${instead}`,
    );
  if (proxied && ownAuthorities)
    throw notSignedIn(
      `the installation's credentials are not shown through a proxy to a server that a Secret's ca.crt vouches for; remove ca.crt or spec.proxySecretRef, ${instead}`,
    );
}
