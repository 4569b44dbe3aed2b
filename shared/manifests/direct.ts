import type { KubeObject } from '../api/object.ts';
import { findKustomizations, type KustomizationContent } from './kustomization-file.ts';
import { joinWithin, type SourceTree } from './source-tree.ts';
import { parseSubset } from './subset.ts';

/**
 * What kustomize would print for kustomizations that only list manifests, and perhaps set their namespace, without
 * starting it: a process costs tens of
 * milliseconds, which is most of a small reconcile. Whatever could come out another way than it went in is left to
 * kustomize; undefined means that. Errors are, too: kustomize finds the words.
 */
export async function buildDirectly(
  tree: SourceTree,
  directory: string,
  content: KustomizationContent,
): Promise<KubeObject[] | undefined> {
  const { namespace, ...rest } = content;
  const objects: KubeObject[] = [];
  if (!(await collect(tree, directory, rest, objects, new Set())) || !isUnambiguous(objects)) return undefined;
  if (namespace === undefined) return objects.sort(legacyOrder);
  if (!isName(namespace) || !objects.every(isSurelyNamespaced)) return undefined;
  const moved = objects.map(object => ({
    ...object,
    metadata: { ...object.metadata, namespace: namespace as string },
  }));
  return isUnambiguous(moved) ? moved.sort(legacyOrder) : undefined;
}

/** Built-in kinds in which a namespace stands in metadata and nowhere else. */
const namespaced: Record<string, string> = {
  ConfigMap: 'v1',
  Secret: 'v1',
  Service: 'v1',
  ServiceAccount: 'v1',
  PersistentVolumeClaim: 'v1',
  Pod: 'v1',
  LimitRange: 'v1',
  ResourceQuota: 'v1',
  Deployment: 'apps/v1',
  StatefulSet: 'apps/v1',
  DaemonSet: 'apps/v1',
  Job: 'batch/v1',
  CronJob: 'batch/v1',
  HorizontalPodAutoscaler: 'autoscaling/v2',
  NetworkPolicy: 'networking.k8s.io/v1',
  PodDisruptionBudget: 'policy/v1',
  Role: 'rbac.authorization.k8s.io/v1',
};

/** Whether setting the namespace of an object is all that kustomize does to it. */
function isSurelyNamespaced(object: KubeObject): boolean {
  return namespaced[object.kind] === object.apiVersion;
}

/** Adds the objects of a kustomization; false when there is more to it than a list of manifests. */
async function collect(
  tree: SourceTree,
  directory: string,
  content: KustomizationContent,
  into: KubeObject[],
  above: ReadonlySet<string>,
): Promise<boolean> {
  const resources = resourcesOf(content);
  if (!resources || above.has(directory)) return false;
  for (const resource of resources) {
    const path = joinWithin(directory, resource);
    if (path === undefined || !/^[\w./-]+$/.test(resource)) return false;
    const entry = await tree.entry(path);
    if (!entry) return false;
    if (entry.type === 'file') {
      const objects = objectsOf(await tree.read(path));
      if (!objects) return false;
      into.push(...objects);
    } else {
      const below = tree.pathOf(entry);
      const files = await findKustomizations(tree, below);
      if (files.length !== 1) return false;
      const nested = parseSubset(await tree.read(files[0]!));
      if (nested?.length !== 1 || !isMap(nested[0])) return false;
      if (!(await collect(tree, below, nested[0], into, new Set([...above, directory])))) return false;
    }
  }
  return true;
}

/** The resources of a kustomization that has nothing else; undefined otherwise. */
function resourcesOf(content: KustomizationContent): string[] | undefined {
  const { apiVersion, kind, resources, ...rest } = content;
  if (Object.keys(rest).length > 0) return undefined;
  if (apiVersion !== undefined && apiVersion !== 'kustomize.config.k8s.io/v1beta1') return undefined;
  if (kind !== undefined && kind !== 'Kustomization') return undefined;
  if (!Array.isArray(resources) || resources.length === 0) return undefined;
  return resources.every(resource => typeof resource === 'string') ? resources : undefined;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The objects of a file, if kustomize leaves them as they are. */
function objectsOf(text: string): KubeObject[] | undefined {
  const documents = parseSubset(text)?.filter(document => document !== undefined);
  return documents?.every(isUntouched) ? documents : undefined;
}

/** Kinds in which kustomize completes references by namespaces that it knows. */
const completed = new Set([
  'APIService',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'ValidatingAdmissionPolicyBinding',
  'Ingress',
]);

function isUntouched(document: unknown): document is KubeObject {
  if (!isMap(document) || !isMap(document.metadata)) return false;
  const { apiVersion, kind, metadata } = document;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !/^[A-Za-z0-9]+$/.test(kind)) return false;
  if (!/^[a-z0-9.-]+(?:\/[a-z0-9]+)?$/.test(apiVersion) || apiVersion.startsWith('kustomize.config.k8s.io/'))
    return false;
  if (kind.endsWith('List') || completed.has(kind)) return false;
  // Only real Namespaces have a place in the order that is known here.
  if (kind === 'Namespace' && apiVersion !== 'v1') return false;
  if (!isName(metadata.name) || !(metadata.namespace === undefined || isName(metadata.namespace))) return false;
  if (!areTexts(metadata.labels) || !areTexts(metadata.annotations)) return false;
  if (document.subjects !== undefined && !areSubjects(document.subjects)) return false;
  return isPlainValue(document);
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Za-z0-9.:_-]+$/.test(value);
}

/** Annotations by which kustomize is told something, or keeps its books, are not for us. */
function areTexts(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isMap(value) || Object.keys(value).length === 0) return false;
  return Object.entries(value).every(
    ([name, text]) => typeof text === 'string' && !/config\.kubernetes\.io|config\.k8s\.io|kustomize\./.test(name),
  );
}

/** A subject without a namespace gets that of a ServiceAccount of its name. */
function areSubjects(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  return value.every(
    subject =>
      isMap(subject) &&
      typeof subject.name === 'string' &&
      (subject.kind !== 'ServiceAccount' || typeof subject.namespace === 'string'),
  );
}

/** No empty place, at any depth: kustomize refuses some of them. */
function isPlainValue(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  if (typeof value !== 'object') return true;
  return Object.values(value).every(isPlainValue);
}

/** Whether no two objects could be taken for one; kustomize refuses those that are. */
function isUnambiguous(objects: KubeObject[]): boolean {
  const ids = objects.map(({ kind, metadata }) => `${kind}/${metadata.namespace ?? 'default'}/${metadata.name}`);
  return new Set(ids).size === ids.length;
}

const first =
  `Namespace ResourceQuota StorageClass CustomResourceDefinition ServiceAccount PodSecurityPolicy Role ClusterRole
  RoleBinding ClusterRoleBinding ConfigMap Secret Endpoints Service LimitRange PriorityClass PersistentVolume
  PersistentVolumeClaim Deployment StatefulSet CronJob PodDisruptionBudget`.split(/\s+/);
const ranks = new Map(first.map((kind, index) => [kind, index - first.length]));

/** Kustomize's order: known kinds first, then by group, version, kind, namespace and name. */
function legacyOrder(a: KubeObject, b: KubeObject): number {
  const rank = (ranks.get(a.kind) ?? 0) - (ranks.get(b.kind) ?? 0);
  if (rank !== 0) return rank;
  return compare(typeText(a), typeText(b)) || compare(placeText(a), placeText(b));
}

function typeText({ apiVersion, kind }: KubeObject): string {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '~G' : apiVersion.slice(0, slash);
  return `${group}_${apiVersion.slice(slash + 1)}_${kind}`;
}

function placeText({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? '~X'}|${metadata.name}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
