import type { ClusterAccess } from '../kube/access.ts';
import type { Clock } from '../ports/clock.ts';
import type { EksAccess } from '../ports/index.ts';
import { findError } from '../reconcile/errors.ts';
import { AwsError } from './aws-error.ts';
import { eksAccess } from './eks-access.ts';

/**
 * Access to an EKS cluster for someone who works on an installation on AWS from outside. The functions sign in as the role of the
 * registration, which as a rule they alone may assume. Who may assume it, too, signs in as that role; others do with their own
 * credentials, and `told` hears of it, once.
 */
export function operatorAccess(
  name: string,
  access: EksAccess,
  clock: Clock,
  told: (roleArn: string) => void,
): ClusterAccess {
  const { roleArn, ...withoutRole } = access;
  const asRole = eksAccess(name, access, clock);
  if (roleArn === undefined) return asRole;
  let asOneself: ClusterAccess | undefined;
  const credentials = async (fresh: boolean) => {
    if (asOneself) return asOneself.credentials!(fresh);
    try {
      return await asRole.credentials!(fresh);
    } catch (error) {
      if (findError(error, AwsError)?.code !== 'RoleRefused') throw error;
      if (!asOneself) told(roleArn);
      asOneself ??= eksAccess(name, withoutRole, clock);
      return asOneself.credentials!(fresh);
    }
  };
  return { server: access.server, ca: access.ca, credentials };
}
