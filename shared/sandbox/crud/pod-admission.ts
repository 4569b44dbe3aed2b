import { randomBytes } from 'node:crypto';
import type { KubeObject } from '../../api/object.ts';
import { forbidden } from '../faults.ts';
import type { Kernel } from './kernel.ts';
import { podQualityOfService } from './pod-quality.ts';

const pods = { group: '', plural: 'pods' };

/** What the API server's admission gives a new pod: its account and the account's token, its priority, its tolerations. */
export function admitPod(pod: KubeObject, kernel: Kernel): void {
  pod.spec ??= {};
  const { spec } = pod;
  giveAccount(pod, kernel);
  givePriority(pod, kernel);
  spec.tolerations = [...(spec.tolerations ?? []), ...missingTolerations(spec.tolerations ?? [])];
  pod.status = { phase: 'Pending', qosClass: podQualityOfService(spec) };
}

function giveAccount(pod: KubeObject, kernel: Kernel): void {
  const { spec } = pod;
  const namespace = pod.metadata.namespace ?? '';
  const name: string = spec.serviceAccountName || spec.serviceAccount || 'default';
  spec.serviceAccountName = name;
  spec.serviceAccount = name;
  const account = kernel.store.get('/serviceaccounts', namespace, name)?.object;
  if (!account)
    throw forbidden(
      pods,
      pod.metadata.name,
      `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`,
    );
  if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(spec);
}

const tokenPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

interface Container {
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
}

interface PodSpec {
  initContainers?: Container[];
  containers?: Container[];
  volumes?: { name: string }[];
}

/** The volume that the account's token, the cluster's certificate and the namespace's name are read from. */
function mountToken(spec: PodSpec): void {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const without = containers.filter(one => !one.volumeMounts?.some(mount => mount.mountPath === tokenPath));
  if (without.length === 0) return;
  const known = spec.volumes?.find(volume => volume.name.startsWith('kube-api-access-'));
  const name = known?.name ?? `kube-api-access-${suffix()}`;
  for (const container of without)
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: tokenPath }];
  if (!known) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

function suffix(): string {
  return [...randomBytes(5)].map(byte => suffixAlphabet[byte % suffixAlphabet.length]).join('');
}

function tokenVolume(name: string): { name: string } & Record<string, unknown> {
  const namespace = { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } };
  const sources = [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [namespace] } },
  ];
  return { name, projected: { sources, defaultMode: 420 } };
}

/** Of its class; without one, of the class that is everybody's default. */
function givePriority(pod: KubeObject, kernel: Kernel): void {
  const { spec } = pod;
  const classes = kernel.store.collection('scheduling.k8s.io/priorityclasses');
  const found = spec.priorityClassName
    ? classes.get('', spec.priorityClassName)?.object
    : [...classes.entries()].find(entry => entry.object.globalDefault === true)?.object;
  if (spec.priorityClassName && !found)
    throw forbidden(pods, pod.metadata.name, `no PriorityClass with name ${spec.priorityClassName} was found`);
  if (found) spec.priorityClassName = found.metadata.name;
  spec.priority = (found?.value as number | undefined) ?? 0;
  spec.preemptionPolicy ??= (found?.preemptionPolicy as string | undefined) ?? 'PreemptLowerPriority';
}

interface Toleration {
  key?: string;
  effect?: string;
}

/** A pod stays on a node in trouble for five minutes, unless it says otherwise. */
function missingTolerations(given: Toleration[]): object[] {
  const keys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
  return keys
    .filter(key => !given.some(one => (!one.key || one.key === key) && (!one.effect || one.effect === 'NoExecute')))
    .map(key => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }));
}
