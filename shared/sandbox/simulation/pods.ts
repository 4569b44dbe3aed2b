import { createHash } from 'node:crypto';
import type { KubeObject } from '../../api/object.ts';
import type { ClusterView } from './cluster-view.ts';
import { ownerOf } from './cluster-view.ts';
import { nodeName } from './node.ts';

/** The letters of generated names: no vowels, so that no words arise. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** The end of a generated name. */
export function randomSuffix(): string {
  let text = '';
  for (let i = 0; i < 5; i++) text += alphabet[Math.floor(Math.random() * alphabet.length)];
  return text;
}

/** A short name for a content: the same content has the same name. */
export function contentHash(value: unknown): string {
  const digest = createHash('sha256').update(stableJson(value)).digest();
  return [...digest.subarray(0, 10)].map(byte => alphabet[byte % alphabet.length]).join('');
}

function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );
}

interface PodOptions {
  name?: string;
  labels?: Record<string, string>;
  spec?: Record<string, unknown>;
}

/** Creates a pod of `owner` by its template, on the simulated node. */
export function createPod(view: ClusterView, owner: KubeObject, options: PodOptions = {}): KubeObject {
  const template = owner.spec.template;
  const name = options.name ?? `${owner.metadata.name.slice(0, 57)}-${randomSuffix()}`;
  const annotations = template.metadata?.annotations;
  const pod: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      ...(options.name ? {} : { generateName: `${owner.metadata.name}-` }),
      ...(owner.metadata.namespace ? { namespace: owner.metadata.namespace } : {}),
      labels: { ...template.metadata?.labels, ...options.labels },
      ...(annotations ? { annotations: { ...annotations } } : {}),
      ...(template.metadata?.finalizers ? { finalizers: [...template.metadata.finalizers] } : {}),
      ownerReferences: ownerOf(owner),
    },
    spec: { ...structuredClone(template.spec), nodeName, ...options.spec },
  };
  return view.create(pod);
}

/** Not finished and not on its way out. */
export function isActive(pod: KubeObject): boolean {
  return !pod.metadata.deletionTimestamp && !isFinished(pod);
}

export function isFinished(pod: KubeObject): boolean {
  const phase = pod.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed';
}

interface PodCondition {
  type: string;
  status: string;
  lastTransitionTime?: string;
}

export function readySince(pod: KubeObject): number | undefined {
  const conditions = (pod.status?.conditions ?? []) as PodCondition[];
  const ready = conditions.find(condition => condition.type === 'Ready');
  return ready?.status === 'True' ? Date.parse(ready.lastTransitionTime ?? '') || 0 : undefined;
}

export interface Counts {
  ready: number;
  available: number;
  /** Milliseconds until another pod becomes available without any event. */
  nextIn: number | undefined;
}

/** Counts the pods that are ready, and that have been for `minReadySeconds`. */
export function countReady(pods: KubeObject[], minReadySeconds: number | undefined, now: number): Counts {
  const counts: Counts = { ready: 0, available: 0, nextIn: undefined };
  const wait = (minReadySeconds ?? 0) * 1000;
  for (const pod of pods) {
    const since = readySince(pod);
    if (since === undefined || pod.metadata.deletionTimestamp) continue;
    counts.ready++;
    const left = since + wait - now;
    if (wait === 0 || left <= 0) counts.available++;
    else counts.nextIn = Math.min(counts.nextIn ?? Number.POSITIVE_INFINITY, left);
  }
  return counts;
}

/** Which pods go first when there are too many: those that are not ready, then the youngest. */
export function byWorth(a: KubeObject, b: KubeObject): number {
  const [readyA, readyB] = [readySince(a) !== undefined, readySince(b) !== undefined];
  if (readyA !== readyB) return readyA ? 1 : -1;
  return (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '');
}

/** RFC 3339 to the second. */
export function timeText(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** A status without the counts that are zero where the API leaves these out. */
export function withoutZeros(status: Record<string, unknown>, keep: readonly string[] = []): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(status).filter(([name, value]) => (value !== 0 && value !== undefined) || keep.includes(name)),
  );
}
