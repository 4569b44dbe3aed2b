import type { KubeObject } from '../../api/object.ts';
import { applyBuiltinDefaults } from './builtin/defaults.ts';
import type { Fields } from './builtin/fields.ts';
import { definitionErrors } from './builtin/validate-definition.ts';
import {
  autoscalerErrors,
  bindingErrors,
  claimErrors,
  configMapErrors,
  eventErrors,
  ingressErrors,
  networkPolicyErrors,
  roleErrors,
  secretErrors,
  serviceErrors,
  storageClassErrors,
  volumeErrors,
} from './builtin/validate-kinds.ts';
import { validateMetadata } from './builtin/validate-metadata.ts';
import {
  cronJobErrors,
  daemonSetErrors,
  deploymentErrors,
  jobErrors,
  podErrors,
  replicaSetErrors,
  statefulSetErrors,
} from './builtin/validate-workloads.ts';
import type { FieldError } from './field-error.ts';

export { selects, validateMetadata } from './builtin/validate-metadata.ts';

/**
 * Fills in what Kubernetes' defaulting fills in for its own kinds, which is before managedFields are written; what the server itself gives out
 * (addresses, generations, selectors of jobs) comes after. Expects an object that went through `prepare`, and changes it.
 */
export function defaultBuiltin(object: KubeObject): void {
  applyBuiltinDefaults(object);
}

type Validation = (object: Fields, old: Fields | undefined) => FieldError[];

const validations: Record<string, Validation> = {
  'apps/Deployment': deploymentErrors,
  'apps/StatefulSet': statefulSetErrors,
  'apps/DaemonSet': daemonSetErrors,
  'apps/ReplicaSet': replicaSetErrors,
  'batch/Job': jobErrors,
  'batch/CronJob': cronJobErrors,
  '/Pod': podErrors,
  '/Event': eventErrors,
  'events.k8s.io/Event': eventErrors,
  '/ConfigMap': configMapErrors,
  '/Secret': secretErrors,
  '/Service': serviceErrors,
  '/PersistentVolumeClaim': claimErrors,
  '/PersistentVolume': volumeErrors,
  'networking.k8s.io/Ingress': ingressErrors,
  'networking.k8s.io/NetworkPolicy': networkPolicyErrors,
  'rbac.authorization.k8s.io/Role': roleErrors,
  'rbac.authorization.k8s.io/ClusterRole': roleErrors,
  'rbac.authorization.k8s.io/RoleBinding': bindingErrors,
  'rbac.authorization.k8s.io/ClusterRoleBinding': bindingErrors,
  'autoscaling/HorizontalPodAutoscaler': autoscalerErrors,
  'storage.k8s.io/StorageClass': storageClassErrors,
  'apiextensions.k8s.io/CustomResourceDefinition': definitionErrors,
};

/**
 * What of an object breaks the rules of its own kind, in Kubernetes' words; `old` is the stored object of an update.
 * Expects an object with its defaults and with what the server gave out.
 */
export function validateBuiltin(object: KubeObject, old?: KubeObject): FieldError[] {
  const slash = object.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : object.apiVersion.slice(0, slash);
  const errors = validateMetadata(object, old);
  const validate = validations[`${group}/${object.kind}`];
  return validate ? [...errors, ...validate(object as Fields, old as Fields | undefined)] : errors;
}
